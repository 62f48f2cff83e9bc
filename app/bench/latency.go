package main

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// maxLatency is the largest latency that is told apart; larger ones count as it.
const maxLatency = 10 * time.Minute

// latencies is a histogram of durations that uses the same memory for any number
// of them. Percentiles are exact to three digits.
type latencies struct{ histogram *hdrhistogram.Histogram }

func newLatencies() latencies {
	return latencies{hdrhistogram.New(int64(time.Microsecond), int64(maxLatency), 3)}
}

func (l latencies) add(d time.Duration) {
	_ = l.histogram.RecordValue(int64(min(max(d, 0), maxLatency))) // fails only out of range
}

func (l latencies) reset() { l.histogram.Reset() }

func (l latencies) count() int { return int(l.histogram.TotalCount()) }

// millis returns a percentile, 0 to 100, in milliseconds; 0 if l is empty.
func (l latencies) millis(percentile float64) float64 {
	return milliseconds(time.Duration(l.histogram.ValueAtPercentile(percentile)))
}
