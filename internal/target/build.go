package target

import (
	"context"
	"fmt"
)

// Build builds the images of one module, or of all for "".
func (t Target) Build(ctx context.Context, module string) error {
	p, e, err := t.open(ctx)
	if err != nil {
		return err
	}
	if err := checkModel(p); err != nil {
		return err
	}
	var only []string
	if module != "" {
		only = append(only, module)
	}
	built, err := t.builder(p, e).Build(ctx, only...)
	if err != nil {
		return err
	}
	rows := make([][]string, 0, len(built))
	for _, name := range built {
		rows = append(rows, []string{name, p.Image(name), fmt.Sprintf("%d:%d", p.Settings.UID, p.Settings.GID)})
	}
	t.UI.Table([]string{"MODULE", "IMAGE", "UID:GID"}, rows)
	return nil
}
