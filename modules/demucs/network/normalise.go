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

func sumOf(x []float32, threads int, f func(float64) float64) float64 {
	sums := make([]float64, threads)
	parallel(x, threads, func(thread int, part []float32) {
		sum := 0.0
		for _, v := range part {
			sum += f(float64(v))
		}
		sums[thread] = sum
	})
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return total
}

// parallel calls do with parts of x at the same time.
func parallel(x []float32, threads int, do func(thread int, part []float32)) {
	var all sync.WaitGroup
	for i := range threads {
		part := x[len(x)*i/threads : len(x)*(i+1)/threads]
		all.Go(func() { do(i, part) })
	}
	all.Wait()
}
