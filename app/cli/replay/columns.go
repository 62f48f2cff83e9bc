package replay

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"smart-factory-backend/app/factory"
)

// maxColumns is the number of points that the server accepts in one request,
// which limits the width of a row.
const maxColumns = 10_000

// Columns selects the columns of a recording to send and names their metrics.
// By default it selects all columns except the first (the timestamp) and the
// label columns, and names each metric by MetricName of the header. Recordings
// of the Skoltech Anomaly Benchmark have built-in names (see skabMetrics).
type Columns struct {
	// Metric names the metric of a recording with one value column; "" keeps
	// the default.
	Metric string
	// Rename maps headers to metric names.
	Rename map[string]string
	// Labels also sends the columns "anomaly" and "changepoint", which classify
	// the rows and are not readings.
	Labels bool
}

// labelColumns are the headers of the columns that Columns.Labels adds.
var labelColumns = []string{"anomaly", "changepoint"}

// skabMetrics names the sensors of a well-known public data set, whose headers
// name the instruments. It applies to files that have all of these columns.
var skabMetrics = map[string]string{
	"Accelerometer1RMS":   "vibration_1_rms",
	"Accelerometer2RMS":   "vibration_2_rms",
	"Current":             "current",
	"Pressure":            "pressure",
	"Temperature":         "temperature",
	"Thermocouple":        "coolant_temperature",
	"Voltage":             "voltage",
	"Volume Flow RateRMS": "flow_rate",
}

// column is a column to send.
type column struct {
	// index is its position in the row, from 0.
	index  int
	header string
	metric string
	kind   columnKind
}

// columnKind says what the values of a column are. The first one decides.
type columnKind int

const (
	unknownColumn columnKind = iota
	numberColumn
	textColumn
)

// resolve applies c to the headers of a recording.
func (c Columns) resolve(headers []string) ([]column, error) {
	var builtIn map[string]string
	if isSKAB(headers) {
		builtIn = skabMetrics
	}
	var selected []column
	byMetric := make(map[string]string)
	for i, header := range headers[1:] {
		if !c.Labels && slices.Contains(labelColumns, strings.ToLower(header)) {
			continue
		}
		metric := cmp.Or(c.Rename[header], builtIn[header], MetricName(header))
		if err := checkMetric(metric); err != nil {
			return nil, fmt.Errorf("column %d (%s): %w", i+2, quoteShort(header), err)
		}
		if other, found := byMetric[metric]; found {
			return nil, fmt.Errorf("columns %s and %s both map to metric %q: rename one", quoteShort(other), quoteShort(header), metric)
		}
		byMetric[metric] = header
		selected = append(selected, column{index: i + 1, header: header, metric: metric})
	}
	return c.check(headers, selected)
}

// check returns the selected columns, or an error if c asks for a column that
// the recording does not have.
func (c Columns) check(headers []string, selected []column) ([]column, error) {
	if len(selected) == 0 {
		return nil, errors.New("no value column besides the timestamp")
	}
	for header := range c.Rename {
		if !slices.ContainsFunc(selected, func(col column) bool { return col.header == header }) {
			return nil, fmt.Errorf("no column %s to rename; the columns are %s", quoteShort(header), quoteList(headers[1:]))
		}
	}
	if c.Metric == "" {
		return selected, nil
	}
	if len(selected) > 1 {
		return nil, fmt.Errorf("one metric name for %d value columns: rename each of them", len(selected))
	}
	if err := checkMetric(c.Metric); err != nil {
		return nil, err
	}
	selected[0].metric = c.Metric
	return selected, nil
}

func checkMetric(metric string) error {
	if metric == "" {
		return errors.New("the header contains no letter or digit for a metric name: rename the column")
	}
	return factory.ValidateName(factory.KindMetric, metric)
}

func isSKAB(headers []string) bool {
	for name := range skabMetrics {
		if !slices.Contains(headers, name) {
			return false
		}
	}
	return true
}
