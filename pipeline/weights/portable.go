package weights

import "math"

// A prepared model must have the same bytes wherever it is prepared, since its digest is known in
// advance. The functions of package math differ in their last bits from one kind of processor to
// another, and so do sums of products, which some processors compute in one step. The functions here
// do not: each product is rounded, by an explicit conversion, before anything is added to it. They are
// exact to about 13 digits, of which a float32 has 7.

// Pi/2 in two parts, the first with so few bits that a product with a small whole number is exact.
const (
	halfPiHigh = 1.57079632673412561417e+00
	halfPiLow  = 6.07710050650619224932e-11
)

// sincos returns the sine and the cosine of x, for x from 0 to a million.
func sincos(x float64) (sin, cos float64) {
	turns := math.Floor(float64(x/(math.Pi/2)) + 0.5)
	r := float64(x - float64(turns*halfPiHigh))
	r = float64(r - float64(turns*halfPiLow))
	square := float64(r * r)
	sin, cos = 1, 1
	for k := 18.0; k >= 2; k -= 2 { // The power series, from its smallest member on.
		sin = 1 - float64(float64(square*sin)/float64(k*(k+1)))
		cos = 1 - float64(float64(square*cos)/float64(k*(k-1)))
	}
	sin = float64(r * sin)
	switch int64(turns) % 4 {
	case 1:
		return cos, -sin
	case 2:
		return -sin, -cos
	case 3:
		return -cos, sin
	}
	return sin, cos
}

// exp returns e to the power of x, for x from -20 to 0.
func exp(x float64) float64 {
	const halvings = 10
	x /= 1 << halvings
	y := 1.0
	for k := 10.0; k >= 1; k-- {
		y = 1 + float64(float64(x*y)/k)
	}
	for range halvings {
		y = float64(y * y)
	}
	return y
}
