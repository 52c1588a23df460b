package nonroot

// What the template must have.
const (
	ShadowBlock = shadowBlock
	UserLine    = userLine
)
