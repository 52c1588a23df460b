package nonroot

// What the template must have.
const (
	ShadowBlock = shadowBlock
	UserLine    = userLine
)

// WithFile lets a text stand in for a file.
func WithFile(in Input, path, text string) Input {
	in.files = map[string][]byte{path: []byte(text)}
	return in
}
