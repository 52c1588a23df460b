package nonroot

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/nonroot/internal/catalogue"
	"github.com/im2-audio/im2/nonroot/internal/start"
)

// place is where a key of a service is, or the service itself.
func (a *auditor) place(s *subject, keys ...string) composefile.Place {
	if p, ok := a.find(s, keys...); ok {
		return p
	}
	return s.at
}

func (a *auditor) find(s *subject, keys ...string) (composefile.Place, bool) {
	if s.of != nil {
		return s.at.Below(keys...)
	}
	return a.set.FindIn(s.section, s.name, keys...)
}

// mustBeAppUser says that a service must run as the app user: it shares the data folder, and the user is known.
func (a *auditor) mustBeAppUser(s *subject) bool {
	return a.own() && s.mountsData && len(a.options.Problems) == 0
}

func (a *auditor) appUser() identity {
	user := a.options.Conventions.User
	return identity{uid: strconv.FormatUint(uint64(user.UID), 10), gid: strconv.FormatUint(uint64(user.GID), 10)}
}

func (a *auditor) composeUser(s *subject) {
	place := a.place(s, "user")
	at, user := spotOf(place), s.cfg.User
	id, unsure := a.whoIs(s, user)
	raw := user
	if place.Value != nil && place.Key != nil {
		raw = place.Value.Value
	}
	empty := emptyable(raw)
	switch {
	case id.root() && len(empty) > 0:
		f := a.found("C03", Error, s, at, "%s runs as root: user %q comes to %q%s", s.title, raw, user, bashHint(empty))
		fixVariables(f, place, empty)
	case id.root():
		a.rootUser(s, place, user)
	case len(empty) > 0:
		f := a.found("C03", OK, s, at, "%s is root where %s is empty%s", s.title, names(empty), bashHint(empty))
		fixVariables(f, place, empty)
	}
	switch {
	case unsure != "":
		if unsure == notSet {
			user = raw
		}
		a.found("C14", doubt(unsure), s, at, "unknown which user %s runs as: user is %q, and %s", s.title, user, unsure)
		return
	case id.root():
		return
	}
	a.becomesRoot(s, at, user)
	a.memberships(s, at, id)
	switch {
	case id.group != "" && power(id.group) != "" && id.group != "root":
		a.found("C17", OK, s, at, "%s runs in group %s: user is %q", s.title, power(id.group), user)
	case id.gid == "0" && !id.noGroup:
		a.found("C15", OK, s, at, "%s names group 0, root's group: user is %q", s.title, user)
	case id.name != "":
	case id.gid == "0" || id.noGroup && !id.inPasswd:
		a.found("C15", OK, s, at, "%s has no group of its own: user %q gets group 0, unless the image's passwd file knows it", s.title, user)
	}
	if !a.mustBeAppUser(s) || id.uid == "" || id.gid == "" {
		return
	}
	if want := a.appUser(); id.String() != want.String() {
		f := a.found("C09", OK, s, at, "%s runs as %s, but the data folder belongs to %s", s.title, id, want)
		a.fixUser(f, s, place)
	}
}

// rootUser reports a "user:" that is root: as a weakness where what it starts becomes another user.
func (a *auditor) rootUser(s *subject, place composefile.Place, user string) {
	end := a.endOf(s, user)
	if end.Known() && end.User != start.Root {
		level := Warning
		if a.own() {
			level = Error
		}
		f := a.found("C02", level, s, spotOf(place), "%s starts as root: user is %q, and %s", s.title, user, becomes(end))
		f.Hint = "name a user that the image can run as"
		return
	}
	f := a.found("C02", OK, s, spotOf(place), "%s runs as root: user is %q", s.title, user)
	f.Hint = "name a user that the image can run as"
	if end.NeedsRoot == "" {
		a.fixUser(f, s, place)
	}
}

func bashHint(variables []variable) string {
	if slices.ContainsFunc(variables, func(v variable) bool { return v.name == "UID" || v.name == "GID" }) {
		return "; shells know UID but do not export it"
	}
	return ""
}

func (a *auditor) imageUser(s *subject) {
	if s.cfg.Image == "" && s.cfg.Provider != nil {
		return // something else than a container
	}
	place := a.place(s, "image")
	documented, ok := catalogue.Find(s.cfg.Image)
	if !s.known && ok {
		a.startsAs(s, spotOf(place), documented.User, ", as documented")
		return
	}
	if !s.known {
		image := s.cfg.Image
		if stand := a.options.StandIn; place.Value != nil && (image == "" || stand != "" && strings.Contains(image, stand)) { // a variable that is not set
			image = place.Value.Value
		}
		a.found("C14", OK, s, spotOf(place), "unknown which user %s runs as: it has no \"user:\", and its image %s is not available locally", s.title, image)
		return
	}
	_, unsure := a.whoIs(s, s.image.User)
	if unsure != "" {
		a.found("C14", Warning, s, spotOf(place), "unknown which user %s runs as: its image has the user %q, and %s", s.title, s.image.User, unsure)
	}
	if unsure == "" {
		a.startsAs(s, spotOf(place), s.image.User, "")
	}
}

// startsAs reports a service that only names an image, whose user is known, where that is root, or what it starts is. source is how
// that is known, for the end of a message.
func (a *auditor) startsAs(s *subject, at spot, user, source string) {
	if id, _ := a.whoIs(s, user); !id.root() {
		a.becomesRoot(s, at, user)
		return
	}
	level, hint := Warning, "add a user that the image can run as"
	if a.own() {
		level = Error
	}
	if documented, ok := catalogue.Find(s.cfg.Image); ok && len(documented.NonRoot) > 0 {
		hint = "as documented, it runs as another user with " + keys(documented.NonRoot)
	}
	end := a.endOf(s, user)
	switch {
	case !end.Known():
		a.found("C14", level, s, at, "%s starts as root by its image %s, and %s%s", s.title, s.cfg.Image, end.Why, source).Hint = hint
	case end.User != start.Root:
		if !a.own() {
			level = Note
		}
		a.found("C14", level, s, at, "%s starts as root by its image %s, and %s%s", s.title, s.cfg.Image, becomes(end), source).Hint = hint
	default:
		a.found("C14", level, s, at, "%s runs as root: its image %s has no other user%s, and the service has no \"user:\"", s.title, s.cfg.Image, source).Hint = hint
	}
}

// keys shows keys of a Compose file, sorted.
func keys(of map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(of)) {
		all = append(all, key+": "+of[key])
	}
	return strings.Join(all, " and ")
}

func (a *auditor) buildArgs(s *subject, d *dockerfileSubject) {
	declared := make(map[string]bool)
	for _, c := range d.commands() {
		if arg, ok := c.(*instructions.ArgCommand); ok {
			for _, kv := range arg.Args {
				declared[kv.Key] = true
			}
		}
	}
	var missing []string
	for _, name := range []string{userArg, groupArg} {
		if _, given := s.cfg.Build.Args[name]; declared[name] && !given {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		level := OK
		if a.adopted[d.src.Path] {
			level = Warning
		}
		f := a.found("C01", level, s, spotOf(a.place(s, "build")), "%s does not pass %s, which its Dockerfile takes", s.title, strings.Join(missing, " and "))
		a.fixArgs(f, s, missing)
	}
	if d.UserFrom == nil || s.cfg.User != "" {
		return
	}
	for _, v := range variables(d.UserFrom.User) {
		at, raw, ok := a.rawArg(s, v.name)
		empty := emptyable(raw)
		if !ok || !v.canBeEmpty || len(empty) == 0 {
			continue
		}
		level := OK
		if given := s.cfg.Build.Args[v.name]; (given == nil || *given == "") && identify(d.User, d.accounts).root() {
			level = Error
		}
		f := a.found("C03", level, s, spotOf(at), "the argument %s of %s is empty where %s is%s", v.name, s.title, names(empty), bashHint(empty))
		fixArg(f, d.holdsID(v.name), at, empty)
	}
}

// emptyArgs reports the build arguments that are empty, where that may be why a build stops.
func (a *auditor) emptyArgs(s *subject) {
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Build.Args)) {
		at, raw, ok := a.rawArg(s, name)
		if given := s.cfg.Build.Args[name]; !ok || given != nil && *given != "" {
			continue
		}
		if empty := emptyable(raw); len(empty) > 0 {
			f := a.found("C03", Warning, s, spotOf(at), "the argument %s of %s is empty, since %s is%s", name, s.title, names(empty), bashHint(empty))
			fixArg(f, isID(name), at, empty)
		}
	}
}

// fixArg gives the variables of an argument a default where it is an ID; a name's is a
// person's choice.
func fixArg(f *Finding, isID bool, at composefile.Place, empty []variable) {
	f.Hint = "set " + names(empty) + ", or write a default: ${" + empty[0].name + ":-...}"
	if isID {
		fixVariables(f, at, empty)
	}
}

func (a *auditor) rawArg(s *subject, name string) (composefile.Place, string, bool) {
	if p, ok := a.find(s, "build", "args", name); ok {
		return p, p.Value.Value, true
	}
	if list, ok := a.find(s, "build", "args"); ok {
		for _, item := range list.Items() {
			if value, ok := strings.CutPrefix(item.Value.Value, name+"="); ok {
				return item, value, true
			}
		}
	}
	return composefile.Place{}, "", false
}

// nonroot says that a service is known not to run as root.
func (a *auditor) nonroot(s *subject) bool {
	user := s.cfg.User
	switch {
	case user != "":
	case s.build.usable() && s.build.KnownUser:
		user = s.build.User
	case s.known:
		user = s.image.User
	default:
		return false
	}
	id, unsure := a.whoIs(s, user)
	return unsure == "" && !id.root()
}

func (a *auditor) hardening(s *subject) {
	if s.cfg.Provider != nil || !a.own() && !a.nonroot(s) {
		return // elsewhere, first things first: what is root may well need all that
	}
	at := spotOf(s.at)
	if !slices.ContainsFunc(s.cfg.CapDrop, func(c string) bool { return strings.EqualFold(c, "ALL") }) {
		f := a.found("C05", OK, s, at, "%s keeps capabilities: no cap_drop: [ALL]", s.title)
		a.fixService(f, s, "cap_drop", "ALL")
	}
	if !noNewPrivileges(s.cfg.SecurityOpt) {
		f := a.found("C06", OK, s, at, "%s may gain privileges: no security_opt no-new-privileges", s.title)
		a.fixService(f, s, "security_opt", `"no-new-privileges:true"`)
	}
	if !s.cfg.ReadOnly {
		a.found("C07", OK, s, at, "%s may change its image's files: no read_only: true", s.title)
	}
}

// noNewPrivileges reports whether a service's options keep programs from getting more rights than the one that starts them.
func noNewPrivileges(options []string) bool {
	return slices.ContainsFunc(options, func(o string) bool {
		name, value, given := strings.Cut(strings.ReplaceAll(o, "=", ":"), ":")
		on, err := strconv.ParseBool(value)
		return name == "no-new-privileges" && (!given || err == nil && on)
	})
}

func (a *auditor) isRoot(s *subject, user string) bool {
	id, _ := a.whoIs(s, user)
	return id.root()
}

func (a *auditor) hooks(s *subject) {
	if s.cfg.Provider != nil {
		a.found("C16", OK, s, spotOf(a.place(s, "provider")), "%s is no container: Compose runs the program %s on this machine", s.title, s.cfg.Provider.Type)
	}
	all := map[string][]types.ServiceHook{"post_start": s.cfg.PostStart, "pre_stop": s.cfg.PreStop}
	if s.cfg.Develop != nil {
		for _, watch := range s.cfg.Develop.Watch {
			all["develop"] = append(all["develop"], watch.Exec)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		for _, hook := range all[key] {
			switch {
			case hook.Privileged:
				a.found("C10", OK, s, spotOf(a.place(s, key)), "a %s command of %s is privileged", key, s.title)
			case hook.User != "" && a.isRoot(s, hook.User):
				a.found("C10", OK, s, spotOf(a.place(s, key)), "a %s command of %s runs as root", key, s.title)
			}
		}
	}
}

func (a *auditor) dataMounts(s *subject) {
	for _, v := range s.cfg.Volumes {
		if !a.ofData(v) || v.Bind != nil && !bool(v.Bind.CreateHostPath) {
			continue
		}
		item, ok := itemOf(a.place(s, "volumes"), v)
		f := a.found("C08", OK, s, spotOf(item), "the engine makes %s as root where it is missing", a.shown(v.Source))
		if ok {
			fixMount(f, item, v)
		}
	}
}

func itemOf(list composefile.Place, v types.ServiceVolumeConfig) (composefile.Place, bool) {
	for _, item := range list.Items() {
		target, long := item.Below("target")
		parts := strings.Split(item.Value.Value, ":")
		if long && target.Value.Value == v.Target || len(parts) > 1 && path.Clean(parts[1]) == v.Target {
			return item, true
		}
	}
	return list, false
}
