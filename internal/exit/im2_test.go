package exit_test

import (
	"testing"

	"github.com/im2-audio/im2/internal/exit"
)

func TestForIM2(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`no engine; "mage setup" starts it`:                                     `no engine; "im2 setup" starts it`,
		`"sudo env PATH=$PATH mage reset-permissions" may`:                      `"sudo env PATH=$PATH im2 reset-permissions" may`,
		`"mage -v verify" shows every check`:                                    `"im2 -v verify" shows every check`,
		`"mage audit -fix" and "mage verify"`:                                   `"im2 audit -fix" and "im2 verify"`,
		`no model; "mage demucs-cache" makes it`:                                `no model; "mage demucs-cache" makes it`,
		`waiting until another command on /x is done: mage build, image upload`: `waiting until another command on /x is done: im2 build, image upload`,
	} {
		if got := exit.ForIM2(text); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if exit.IsIM2() {
		t.Error("a test is taken for im2")
	}
}
