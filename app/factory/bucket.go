package factory

import "time"

// BucketQuery selects buckets of the history of one machine.
type BucketQuery struct {
	Machine string
	// Metrics limits the result to these metrics; empty selects all.
	Metrics []string
	// From (inclusive) and To (exclusive) limit the observation time of the
	// points in Unix milliseconds, as in a HistoryQuery. They need not be bucket
	// boundaries: the first and the last bucket then summarise only the points
	// in the range.
	From, To int64
	Interval Interval
	// Location is the time zone of calendar intervals; nil means UTC.
	Location *time.Location
	// Cursor is the NextCursor of the previous page, "" for the first page.
	Cursor string
	// Limit is the maximum number of buckets over all series, at least 1.
	Limit int
}

// BucketPage is one page of buckets.
type BucketPage struct {
	// Series holds the series with buckets on this page, ordered by metric.
	Series []BucketSeries
	// NextCursor is the cursor of the next page, "" on the last page.
	NextCursor string
}

// BucketSeries holds buckets of one metric in ascending order of time.
type BucketSeries struct {
	Metric string
	// Unit is the UCUM unit of the metric, "" if unknown.
	Unit string
	Kind MetricKind
	// Buckets holds only buckets with points: a gap in the history is a gap here.
	Buckets []Bucket
}

// Bucket is the summary of the points in a time span.
type Bucket struct {
	// Start (inclusive) and End (exclusive) are the boundaries of the whole
	// bucket in Unix milliseconds.
	Start, End int64
	Summary
}
