package network

import (
	"math"
	"sync"
)

// tiny keeps silence from being divided by 0, as the original does.
const tiny = 1e-5

// normalise gives x the mean 0 and the standard deviation 1, and returns what they were.
func normalise(x []float32, threads int) (mean, deviation float64) {
	sum := sumOf(x, threads, func(v float64) float64 { return v })
	mean = sum / float64(len(x))
	squares := sumOf(x, threads, func(v float64) float64 { return (v - mean) * (v - mean) })
	deviation = math.Sqrt(squares / float64(len(x)-1))
	m, s := float32(mean), float32(1/(deviation+tiny))
	parallel(x, threads, func(_ int, part []float32) {
		for i, v := range part {
			part[i] = (v - m) * s
		}
	})
	return mean, deviation
}

// denormalise undoes normalise.
func denormalise(x []float32, mean, deviation float64, threads int) {
	m, s := float32(mean), float32(deviation)
	parallel(x, threads, func(_ int, part []float32) {
		for i, v := range part {
			part[i] = v*s + m
		}
	})
}

// sumOf adds up f of all numbers. The order does not depend on how many threads there are, so that the
// stems do not either.
func sumOf(x []float32, threads int, f func(float64) float64) float64 {
	sums := make([]float64, parts)
	parallel(x, threads, func(part int, x []float32) {
		sum := 0.0
		for _, v := range x {
			sum += f(float64(v))
		}
		sums[part] = sum
	})
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return total
}

// parts is how many parts parallel cuts its work into.
const parts = 64

// parallel calls do with the parts of x, several at the same time.
func parallel(x []float32, threads int, do func(part int, x []float32)) {
	var all sync.WaitGroup
	for thread := range threads {
		all.Go(func() {
			for i := thread; i < parts; i += threads {
				do(i, x[len(x)*i/parts:len(x)*(i+1)/parts])
			}
		})
	}
	all.Wait()
}
