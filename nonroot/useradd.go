package nonroot

import (
	"cmp"
	"fmt"
	"maps"
	"strings"

	"github.com/im2-audio/im2/nonroot/internal/start"
)

// accountOptions are the options with a value of useradd, usermod and both kinds of adduser.
var accountOptions = []string{
	"base-dir", "comment", "home-dir", "home", "expiredate", "inactive", "gid", "ingroup", "groups", "add-group", "skel", "key", "login", "password", "root", "prefix", "shell", "uid",
	"selinux-user", "gecos", "conf", "firstuid", "lastuid", "firstgid", "lastgid",
}

// parsed splits the arguments of such a command, whose options may be behind its operands.
func (c call) parsed(short string) (options map[string]string, operands []string) {
	options = make(map[string]string)
	for args := c.words[1:]; len(args) > 0; {
		values, rest := start.Options(args, short, accountOptions...)
		maps.Copy(options, values)
		if len(rest) == 0 {
			break
		}
		operands, args = append(operands, rest[0]), rest[1:]
	}
	return options, operands
}

// created adds the users that commands create, and changes those that they change.
func (d *dockerfileSubject) created(calls []call) {
	for _, c := range calls {
		switch c.program() {
		case "useradd":
			d.creates(c, "bcdefgGKkpsuZRP")
		case "adduser":
			d.creates(c, "hgsGuk")
		case "usermod":
			d.changes(c)
		case "gpasswd", "addgroup", "groupmems": // of busybox, with a user
			options, operands := c.parsed("adMAg")
			switch user := cmp.Or(options["a"], options["add"]); {
			case c.program() == "gpasswd" && user != "" && len(operands) == 1:
				d.joins(user, operands[0])
			case c.program() == "addgroup" && len(operands) == 2:
				d.joins(operands[0], operands[1])
			}
		}
	}
}

// creates adds the user that a command creates.
func (d *dockerfileSubject) creates(c call, short string) {
	options, operands := c.parsed(short)
	if len(operands) == 0 {
		return
	}
	name := d.expand(operands[0])
	if name == "" {
		if strings.Contains(operands[0], "$") {
			d.unsure = fmt.Sprintf("line %d creates a user of a name that is not known", c.line)
		}
		return
	}
	if c.program() == "adduser" && len(operands) == 2 { // into a group
		d.joins(operands[0], operands[1])
		return
	}
	var user account
	if uid, given := option(options, "u", "uid"); given {
		if user.uid = number(d.expand(uid)); user.uid == "" {
			user.uid = d.expand(uid)
		}
		gid, _ := option(options, "g", "gid")
		if c.program() == "adduser" { // its -g is a comment
			gid = options["gid"]
		}
		if gid = d.expand(gid); strings.Trim(gid, "0123456789") == "" { // the number behind a name is not known
			user.gid = gid
		}
	}
	d.accounts[name] = user
	groups, _ := option(options, "G", "groups")
	for group := range strings.SplitSeq(groups, ",") {
		d.joins(name, group)
	}
}

// changes follows usermod.
func (d *dockerfileSubject) changes(c call) {
	options, operands := c.parsed("cdefgGlpsuvVwWZRP")
	if len(operands) == 0 {
		return
	}
	name := d.expand(operands[0])
	user, known := d.account(name)
	if name == "root" {
		user, known = account{uid: "0", gid: "0"}, true
	}
	if uid, given := option(options, "u", "uid"); given {
		user.uid, known = number(d.expand(uid)), true
	}
	if gid, given := option(options, "g", "gid"); given && known {
		user.gid = number(d.expand(gid))
	}
	login, renamed := option(options, "l", "login")
	if renamed {
		name = d.expand(login)
		if !known {
			d.unsure = fmt.Sprintf("line %d renames a user of the base image", c.line)
		}
	}
	if known && name != "" && name != "root" {
		d.accounts[name] = user
	}
	groups, _ := option(options, "G", "groups")
	for group := range strings.SplitSeq(groups, ",") {
		d.joins(name, group)
	}
}

// joins notes that a user is put into a group: the engine gives it to a container's process, too, if USER names the user or its number.
func (d *dockerfileSubject) joins(user, group string) {
	if user, group = d.expand(user), d.expand(group); user == "" || group == "" {
		return
	}
	if d.groups == nil {
		d.groups = make(map[string][]string)
	}
	d.groups[user] = append(d.groups[user], group)
}

func option(options map[string]string, short, long string) (value string, given bool) {
	if value, given = options[short]; !given {
		value, given = options[long]
	}
	return value, given
}
