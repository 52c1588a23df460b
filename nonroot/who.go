package nonroot

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// identity is what a USER or "user:" comes to.
type identity struct {
	// uid and gid are the numbers; "" where only the image's passwd file knows.
	uid, gid string
	// name is the user's where it is given by name.
	name string
	// group is the group's name, or its number where that is given and has rights of its own.
	group string
	// noGroup says that no group is named, so that the engine asks the passwd file, and
	// takes group 0 where that does not know the user.
	noGroup bool
	// inPasswd says that the passwd file is known to have the user, so that the engine finds
	// the group there.
	inPasswd bool
}

// account is a user that a Dockerfile creates.
type account struct{ uid, gid string }

// identify resolves a user as Docker does (github.com/moby/sys/user, GetExecUser): what
// strconv.Atoi reads as a number is one, "+0" and "00" included; no user is UID 0.
func identify(spec string, accounts map[string]account) identity {
	user, group, _ := strings.Cut(spec, ":")
	id := identity{noGroup: group == ""}
	switch n, err := strconv.Atoi(user); {
	case user == "" || user == "root":
		id.uid = "0"
	case err == nil:
		id.uid = strconv.Itoa(n)
	default:
		id.name = user
		id.uid = accounts[user].uid
	}
	var passwd account
	for name, a := range accounts {
		if name == id.name || id.name == "" && a.uid == id.uid {
			passwd, id.inPasswd = a, true
		}
	}
	id.group = group
	switch n, err := strconv.Atoi(group); {
	case err == nil:
		id.gid = strconv.Itoa(n)
		id.group = id.gid
		if n == 0 {
			id.group = "root"
		}
	case group == "root" || id.noGroup && !id.inPasswd && id.uid == "0":
		id.gid = "0"
	case id.noGroup:
		id.gid = passwd.gid
	}
	return id
}

func (id identity) root() bool { return id.uid == "0" }

// String is the identity for messages.
func (id identity) String() string { return cmp.Or(id.uid, id.name) + ":" + cmp.Or(id.gid, "?") }

// variable is one ${NAME...} in a word.
type variable struct {
	name string
	text string // as it is in the word
	// canBeEmpty says that it has no default and is not required (:?).
	canBeEmpty bool
}

// variables finds the variables of a word, in the syntax that BuildKit and Compose share.
func variables(word string) []variable {
	var found []variable
	for _, m := range variablePattern.FindAllStringSubmatchIndex(word, -1) {
		text := word[m[0]:m[1]]
		if text == "$$" || strings.HasPrefix(text, `\`) {
			continue
		}
		v := variable{text: text, canBeEmpty: true}
		if m[2] >= 0 {
			v.name = word[m[2]:m[3]]
		} else {
			v.name = word[m[4]:m[5]]
			v.canBeEmpty = canBeEmpty(word[m[6]:m[7]])
		}
		found = append(found, v)
	}
	return found
}

var variablePattern = regexp.MustCompile(`\$\$|\\\$|\$([A-Za-z_]\w*)|\$\{([A-Za-z_]\w*)([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}`)

// canBeEmpty reads what follows the name: only ":?" and a default in ":-" that is
// itself something keep a variable from being empty ("-" and "?" let an empty one pass).
func canBeEmpty(modifier string) bool {
	if strings.HasPrefix(modifier, ":?") {
		return false
	}
	fallback, ok := strings.CutPrefix(modifier, ":-")
	if !ok || fallback == "" {
		return true
	}
	for _, v := range variables(fallback) {
		if v.text == fallback {
			return v.canBeEmpty
		}
	}
	return false
}

func emptyable(word string) []variable {
	return slices.DeleteFunc(variables(word), func(v variable) bool { return !v.canBeEmpty })
}
