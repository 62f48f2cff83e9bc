package main

import (
	"math/bits"
	"time"
)

// histogram counts durations in steps of at most a sixteenth, so that any
// number of them takes the same room.
type histogram struct {
	n     int
	steps [64 * histogramParts]int
}

const histogramParts = 16 // steps to a doubling

func (h *histogram) add(d time.Duration) {
	h.n++
	h.steps[step(d)]++
}

// step is the number of the step that holds d.
func step(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < histogramParts {
		return int(v)
	}
	double := bits.Len64(v) - bits.Len64(histogramParts-1) // v>>double has the leading bit and four more
	return double*histogramParts + int(v>>(double-1))&(histogramParts-1)
}

// upper is the end of a step: no duration in it is longer.
func upper(step int) time.Duration {
	if step < histogramParts {
		return time.Duration(step)
	}
	double, part := step/histogramParts, step%histogramParts
	return time.Duration(uint64(histogramParts+part+1)<<(double-1) - 1)
}

// quantile returns what the share of the durations does not exceed, a
// sixteenth too much at worst.
func (h *histogram) quantile(share float64) time.Duration {
	left := int(share * float64(h.n))
	for i, n := range h.steps {
		if left -= n; left < 0 {
			return upper(i)
		}
	}
	return 0
}
