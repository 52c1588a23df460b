package weights

// A Buffer is memory that pieces write to and read from, counted in numbers of 32 bits. It is all
// zeros before the first piece writes to it.
type Buffer struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// A View is a part of a buffer that an input or output of a piece is bound to. A piece that runs
// several times has its view move on by Step numbers each time. Views may overlap: that is how a
// layer sees the rows around its own.
type View struct {
	// Name is that of the input or output in the piece's file.
	Name   string  `json:"name"`
	Buffer string  `json:"buffer"`
	Offset int64   `json:"offset"`
	Step   int64   `json:"step,omitempty"`
	Shape  []int64 `json:"shape"`
}

// A Range is a part of a buffer.
type Range struct {
	Buffer string `json:"buffer"`
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
}

// Values is how many numbers a view has.
func (v View) Values() int64 {
	n := int64(1)
	for _, d := range v.Shape {
		n *= d
	}
	return n
}
