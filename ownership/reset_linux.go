package ownership

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// openFolders is how many folders are kept open beyond those in use. With 16 workers,
// each with a folder and an entry in hand, all descriptors stay below 64.
const openFolders = 24

// walk is one reset.
type walk struct {
	req    Request
	want   want
	report report
	queue  *queue
	nodes  *nodes
	links  links
	top    *node
	local  bool         // see hasLocalTimes
	closed bool         // the folder's own file system, or its mount, is read-only
	seen   atomic.Int64 // what Request.Progress is told
	waited atomic.Int32 // see worker.settle
	buffer sync.Mutex
	spare  [][]byte
	made   int // buffers, of those beyond the workers' own

	ended sync.Once
	fatal error // why the walk ended early; written within ended
}

// workers is the default number: more than there are processors, for the times when some
// of them wait for a disk.
func workers(asked int) int {
	if asked > 0 {
		return asked
	}
	return min(max(4*runtime.GOMAXPROCS(0), 4), 16)
}

func reset(ctx context.Context, req Request) (Summary, error) {
	return resetWith(ctx, req, req.Folder, probe())
}

// resetIn is reset of a folder that is open already.
func resetIn(ctx context.Context, req Request, r *os.Root) (Summary, error) {
	dir, err := r.Open(".")
	if err != nil {
		return nothing(), &RefusedError{Op: "opening", Subject: req.Folder, Err: err}
	}
	defer func() { _ = dir.Close() }() // only read
	// The dot, since what opens it need not follow the link that the number is.
	return resetWith(ctx, req, fmt.Sprintf("/proc/self/fd/%d/.", dir.Fd()), probe())
}

// resetWith resets the folder at path, which messages call req.Folder, with only some of the newer system calls.
func resetWith(ctx context.Context, req Request, path string, f features) (Summary, error) {
	sum := nothing()
	if err := mapped(req.Owner); err != nil {
		return sum, err
	}
	if err := ctx.Err(); err != nil {
		return sum, interrupted(req.Folder, err)
	}
	req.Workers = workers(req.Workers)
	s := newSys(f)
	defer s.close(s.self)
	w := &walk{req: req, want: req.want(), queue: newQueue(req.Workers), nodes: newNodes(openFolders)}
	w.links.reset()
	defer w.nodes.shed(s)
	all := make([]*worker, req.Workers)
	for i := range all {
		own := *s // without buffers so far
		all[i] = &worker{walk: w, sys: &own}
	}
	if err := w.begin(all[0], path); err != nil {
		return sum, err
	}
	err := w.run(ctx, all)
	if err == nil {
		err = w.finishLinks(ctx, all[0])
	}
	w.nodes.release(s, w.top, false)
	for _, one := range all {
		sum.Seen += one.seen
		sum.OwnersChanged += one.owner
		sum.ModesChanged += one.mode
		sum.RightsRemoved += one.rights
		sum.Vanished += one.vanished
	}
	w.report.into(&sum)
	return sum, err
}

// begin opens and sets the folder itself, and makes listing it the first work. It stays
// open until the end, so that whatever was closed can be reopened beneath it.
func (w *walk) begin(first *worker, path string) error {
	top := &node{fd: -1, name: []byte{0}}
	fd, err := unix.Open(path, asFolder&^unix.O_NOATIME, 0)
	if err == unix.EACCES {
		if pin, perr := unix.Open(path, asPin|unix.O_DIRECTORY, 0); perr == nil {
			first.setFolder(top, pin)
			first.close(pin)
			fd, err = unix.Open(path, asFolder&^unix.O_NOATIME, 0)
		}
	}
	if err != nil {
		return &RefusedError{Op: "opening", Subject: w.req.Folder, Err: err}
	}
	top.fd = fd
	w.top, w.local, w.closed = top, hasLocalTimes(fd), readOnly(fd)
	w.nodes.add(top)
	first.setFolder(top, fd)
	first.seen++
	first.count()
	w.nodes.hold(top, 1)
	w.queue.push(work{dir: top})
	return nil
}

// run lets the workers work until there is nothing left, ctx ends or the walk cannot go on.
func (w *walk) run(ctx context.Context, all []*worker) error {
	defer context.AfterFunc(ctx, w.queue.stop)()
	var telling sync.WaitGroup
	over := make(chan struct{})
	if w.req.Progress != nil {
		telling.Go(func() { w.tell(over) })
	}
	var working sync.WaitGroup
	for _, one := range all {
		working.Go(one.work)
	}
	working.Wait()
	close(over)
	telling.Wait()
	if err := ctx.Err(); err != nil {
		return interrupted(w.req.Folder, err)
	}
	return w.fatal
}

// tell reports progress until over is closed.
func (w *walk) tell(over <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			w.req.Progress(w.seen.Load())
			return
		case <-tick.C:
			w.req.Progress(w.seen.Load())
		}
	}
}

// end stops the walk with an error about it as a whole.
func (w *walk) end(err error) {
	w.ended.Do(func() {
		w.fatal = err
		w.queue.stop()
	})
}

const (
	// bigRead is the size of the buffers that folders are read into, some 2,000 names.
	bigRead = 64 << 10
	// smallRead is how much is read at a time when much work waits already; the longest
	// name takes 280 bytes.
	smallRead = 512
)

// takeSpare returns a buffer beyond the workers' own, or nil if all are in use.
func (w *walk) takeSpare() []byte {
	w.buffer.Lock()
	defer w.buffer.Unlock()
	if last := len(w.spare) - 1; last >= 0 {
		buf := w.spare[last]
		w.spare = w.spare[:last]
		return buf
	}
	if w.made == w.req.Workers {
		return nil
	}
	w.made++
	return make([]byte, bigRead)
}

func (w *walk) giveSpare(buf []byte) {
	w.buffer.Lock()
	defer w.buffer.Unlock()
	w.spare = append(w.spare, buf[:bigRead])
}
