package project

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/im2-audio/im2/internal/exit"
)

// The values of Web and WebUpload.
const (
	webOn  = "on"
	webOff = "off"
)

// WebValues are the values that Web and WebUpload can have.
var WebValues = []string{webOn, webOff}

// placeWeb disables the service with the pages where it is to be left out. One that x-im2 names and that is not there is none: it may
// have been removed.
func (p *Project) placeWeb() {
	if _, on := p.Compose.Services[p.own.Web]; on && p.Settings.Get(Web).Value == webOff {
		p.Compose = p.Compose.WithServicesDisabled(p.own.Web)
	}
	_, on := p.Compose.Services[p.own.Web]
	_, off := p.Compose.DisabledServices[p.own.Web]
	if on || off {
		p.Web = p.own.Web
	}
}

// WebOff reports whether the service with the pages is left out.
func (p *Project) WebOff() bool {
	_, off := p.Compose.DisabledServices[p.Web]
	return off
}

// WebURL is where a browser on this machine finds the pages; "" where the project has none, leaves them out, or publishes no one port.
func (p *Project) WebURL() string {
	for _, port := range p.Compose.Services[p.Web].Ports {
		if _, err := strconv.ParseUint(port.Published, 10, 16); err != nil {
			continue
		}
		host := port.HostIP
		if ip, err := netip.ParseAddr(host); err != nil || ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		return "http://" + net.JoinHostPort(host, port.Published) + "/"
	}
	return ""
}

// CheckWeb returns an error where Web, WebUpload or WebAddress cannot be used; nil for any other setting. Its exit code is exit.Unusable.
func (s Settings) CheckWeb(name string) error {
	setting, _ := s.inForce(name)
	var err error
	switch {
	case (name == Web || name == WebUpload) && !slices.Contains(WebValues, setting.Value):
		err = fmt.Errorf("it must be %s or %s", webOn, webOff)
	case name == WebAddress && setting.Value != "":
		at, parseErr := netip.ParseAddrPort(setting.Value)
		if parseErr != nil || !at.Addr().IsLoopback() || at.Port() == 0 {
			err = errors.New("it must be an address of this machine alone, with a port, such as 127.0.0.1:8421: the pages ask for no password")
		}
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "%s is %q in %s: %w; fix: correct it there, or remove the line", setting.Name, setting.Value, setting.Where(), err)
	}
	return nil
}
