package manual_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/usage/manual"
)

const page = "# A *title*: `x`, y_z & more\n" + // line 1
	"Text with `mage up\n-fix` and\n[a link](b.md#c) and ![an image](d.png).\n" +
	"\n| a | b |\n" + // 6
	"|---|---|\n" +
	"| `one` | [two](#two) |\n" + // 8
	"```console\n" +
	"$ mage status\n" + // 10
	"SERVICE\n" +
	"\n" +
	"$ go test \\\n" +
	"    ./...\n" +
	"ok\n" + // 15
	"```\n" +
	"## Twice\n" +
	"- item:\n" +
	"\n" +
	"  ```sh\n" + // 20
	"  # remark\n" +
	"  mage down  # stop\n" +
	"  ```\n" +
	"## Twice\n" +
	"```\n" + // 25
	"mage build -x\n" +
	"```\n" +
	"```\nnot a command\n```\n" +
	"```yaml\n$ neither\n```\n"

func TestParse(t *testing.T) {
	t.Parallel()
	p := manual.Parse([]byte(page))
	var commands []string
	for _, c := range p.Commands() {
		commands = append(commands, pieces(append([]manual.Piece{c.Piece}, c.Output...)))
	}
	for what, c := range map[string]struct{ got, want string }{
		"anchors":  {strings.Join(p.Anchors, " "), "a-title-x-y_z--more twice twice-1"},
		"links":    {pieces(p.Links), "4:b.md#c 4:d.png 8:#two"},
		"spans":    {pieces(p.Spans), "1:x 2:mage up -fix 8:one"},
		"commands": {strings.Join(commands, " | "), "10:mage status 11:SERVICE | 13:go test  ./... 15:ok | 22:mage down  # stop | 26:mage build -x"},
	} {
		if c.got != c.want {
			t.Errorf("%s are %q, want %q", what, c.got, c.want)
		}
	}
}

func pieces(all []manual.Piece) string {
	var texts []string
	for _, p := range all {
		texts = append(texts, fmt.Sprintf("%d:%s", p.Line, p.Text))
	}
	return strings.Join(texts, " ")
}
