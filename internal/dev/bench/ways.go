package bench

import (
	"strconv"

	"github.com/im2-audio/im2/ownership"
)

// way is one way to reset a tree.
type way struct {
	name string
	// argv resets the folder; sets says that it sets modes, too.
	argv func(folder string, o ownership.Owner) []string
	sets bool
}

// recipe is what people type: three walks.
const recipe = `set -e
mkdir -p "$1"
chown -R "$2:$3" "$1"
find "$1" -type d -exec chmod 755 {} +
find "$1" -type f -exec chmod 644 {} +`

// onePass is what a careful shell user types: one walk, only what is wrong. It can be
// raced as the recipe can.
//
//nolint:gosec // no credentials
const onePass = `exec find "$1" \
	\( \( ! -user "$2" -o ! -group "$3" \) -exec chown -h "$2:$3" {} + \) , \
	\( -type d ! -perm 755 -exec chmod 755 {} + \) , \
	\( -type f ! -perm 644 -exec chmod 644 {} + \)`

// resetPermissions is the name of our way.
const resetPermissions = "mage reset-permissions"

// ways returns all that are compared, ours last.
func (b *Bench) ways() []way {
	ids := func(o ownership.Owner) (uid, gid string) { return strconv.Itoa(int(o.UID)), strconv.Itoa(int(o.GID)) }
	shell := func(script string) func(string, ownership.Owner) []string {
		return func(folder string, o ownership.Owner) []string {
			uid, gid := ids(o)
			return []string{"sh", "-c", script, "sh", folder, uid, gid}
		}
	}
	rival := func(name string) func(string, ownership.Owner) []string {
		return func(folder string, o ownership.Owner) []string {
			uid, gid := ids(o)
			return []string{b.contender, name, folder, uid, gid}
		}
	}
	return []way{
		{"chown -R, find, find", shell(recipe), true},
		{"find, one careful pass", shell(onePass), true},
		{"podman-style walk", rival("podman"), false},
		{"kubernetes-style walk", rival("kubernetes"), true},
		{resetPermissions, func(folder string, o ownership.Owner) []string {
			return []string{b.helper, "im2-reset", "-folder=" + folder, "-owner=" + o.String()}
		}, true},
	}
}
