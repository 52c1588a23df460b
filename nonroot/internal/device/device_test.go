package device_test

import (
	"strings"
	"testing"

	"github.com/im2-audio/im2/nonroot/internal/device"
)

func TestPower(t *testing.T) {
	t.Parallel()
	for kind, names := range map[string]string{
		"every device": "/dev /dev/ /dev/char /dev/x/..",
		"holds files": "/dev/sda /dev/sda1 /dev/sdaa12 /dev/hda /dev/vda /dev/vda2 /dev/xvda1 /dev/nvme0n1 /dev/nvme0n1p2 /dev/nvme0c0n1 /dev/mmcblk0 /dev/mmcblk0p1 /dev/mmcblk0boot0 /dev/md0 /dev/md127p1 /dev/md_d0 /dev/md/home " +
			"/dev/dm-0 /dev/mapper /dev/mapper/cryptroot /dev/mapper/control /dev/loop0 /dev/loop0p1 /dev/loop-control /dev/block/8:0 /dev/block /dev/disk/by-id/x /dev/zd0 /dev/zd0p1 /dev/zvol/tank/x /dev/rbd0 /dev/nbd0p1 /dev/bcache0 /dev/pmem0 /dev/zram0 /dev/ram0 /dev/dasda1 /dev/mtd0 /dev/mtdblock0 /dev/ubi0_0 /dev/root /dev/raw/raw1",
		"controls disks": "/dev/nvme0 /dev/nvme-fabrics /dev/ng0n1 /dev/sg0 /dev/bsg /dev/bsg/0:0:0:0 /dev/bus/scsi/0 /dev/megaraid_sas_ioctl_node /dev/st0",
		"memory":         "/dev/mem /dev/kmem /dev/port /dev/kcore /dev/uio0 /dev/vfio/noiommu-0 /dev/vfio /dev/char/1:1 /dev/char/1:4",
		"processor":      "/dev/cpu/0/msr /dev/cpu /dev/cpu/3/microcode /dev/msr0 /dev/char/202:0",
		"keyboard":       "/dev/uinput /dev/input /dev/input/event0 /dev/uhid /dev/char/10:223 /dev/char/13:64 /dev/vhci",
		"outside":        "/dev/ipmi0 /dev/ipmi/0 /dev/mei0",
		"": "/dev/sr0 /dev/snd /dev/snd/pcmC0D0p /dev/dri/renderD128 /dev/dri /dev/video0 /dev/ttyUSB0 /dev/ttyACM0 /dev/tty1 /dev/null /dev/zero /dev/random /dev/fuse /dev/net/tun /dev/kvm /dev/nvidia0 /dev/nvidiactl /dev/kfd /dev/shm /dev/bus/usb/001/002 /dev/serial/by-id/x " +
			"/dev/hidraw0 /dev/rtc0 /dev/watchdog /dev/vfio/12 /dev/char/1:3 /dev/char/116:2 /dev/stdout /dev/media0 /dev/apex_0 /dev/hailo0 /dev/gpiochip0 /dev/i2c-1 /dev/spidev0.0 /devices/sda sda data/sda vendor.com/gpu=all",
	} {
		for name := range strings.FieldsSeq(names) {
			can := device.Power(name)
			if (kind == "") != (can == "") || !strings.Contains(can, kind) {
				t.Errorf("%s: got %q, want %q", name, can, kind)
			}
		}
	}
}

func TestRule(t *testing.T) {
	t.Parallel()
	for rule, kind := range map[string]string{
		"a": "every", "a *:* rwm": "every", "c *:* rwm": "every", "b 8:0 r": "files", "b *:* rwm": "files", " b 259:* m": "files", "c 1:1 r": "memory", "c 1:* rwm": "memory", "c 1:4 w": "memory",
		"c 1:11 r": "", "c 1:3 r": "", "c 189:* rmw": "", "c 10:223 rwm": "keyboard", "c 10:* rwm": "keyboard", "c 10:229 rwm": "", "c 13:64 r": "keyboard", "c 202:0 rw": "processor", "c 21:0 rw": "disks",
		"c 90:0 rw": "files", "c 116:* rwm": "", "": "", "d 1:1": "",
	} {
		if can := device.Rule(rule); (kind == "") != (can == "") || !strings.Contains(can, kind) {
			t.Errorf("%q: got %q, want %q", rule, can, kind)
		}
	}
}
