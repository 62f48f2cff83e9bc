package replay

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"smart-factory-backend/app/factory"
)

// maxColumns is the most points that the server takes in one request, and so
// the widest row that could ever be sent.
const maxColumns = 10_000

// Columns says which columns of a recording are sent, and as which metrics. By
// default that is every column but the first (the time) and the labels, each
// under the Slug of its header; in the recordings of the Skoltech Anomaly
// Benchmark under the name of what the sensor measures (see skab).
type Columns struct {
	// Metric, if set, names the metric of a recording with one value column.
	Metric string
	// Rename gives columns, by their header, the name of a metric.
	Rename map[string]string
	// Labels sends the columns "anomaly" and "changepoint" too, which hold a
	// judgement on the recording and not a reading.
	Labels bool
}

// labels are the headers of columns that Columns.Labels is about.
var labelColumns = []string{"anomaly", "changepoint"}

// skab names the sensors of a well-known public recording, whose headers are
// those of the instruments. It applies where all of these columns are there.
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

// column is one column that is sent.
type column struct {
	// field is its place in the row, from 0.
	index  int
	header string
	metric string
}

// choose applies c to the header of a recording.
func (c Columns) resolve(headers []string) ([]column, error) {
	builtIn := map[string]string(nil)
	if isSKAB(headers) {
		builtIn = skabMetrics
	}
	var chosen []column
	byMetric := make(map[string]string)
	for i, header := range headers[1:] {
		if !c.Labels && slices.Contains(labelColumns, strings.ToLower(header)) {
			continue
		}
		metric := firstNonEmpty(c.Rename[header], builtIn[header], MetricName(header))
		if err := checkMetric(metric); err != nil {
			return nil, fmt.Errorf("column %d (%s): %w", i+2, quoteShort(header), err)
		}
		if other, taken := byMetric[metric]; taken {
			return nil, fmt.Errorf("columns %s and %s would both be metric %q: rename one", quoteShort(other), quoteShort(header), metric)
		}
		byMetric[metric] = header
		chosen = append(chosen, column{index: i + 1, header: header, metric: metric})
	}
	return c.check(headers, chosen)
}

// check holds what the caller asked for against the columns that are there.
func (c Columns) check(headers []string, chosen []column) ([]column, error) {
	if len(chosen) == 0 {
		return nil, errors.New("no value column besides the time")
	}
	for header := range c.Rename {
		if !slices.ContainsFunc(chosen, func(col column) bool { return col.header == header }) {
			return nil, fmt.Errorf("no column %s to rename is sent; the columns are %s", quoteShort(header), quoteList(headers[1:]))
		}
	}
	if c.Metric == "" {
		return chosen, nil
	}
	if len(chosen) > 1 {
		return nil, fmt.Errorf("one metric name for %d value columns: rename them one by one", len(chosen))
	}
	if err := checkMetric(c.Metric); err != nil {
		return nil, err
	}
	chosen[0].metric = c.Metric
	return chosen, nil
}

func checkMetric(metric string) error {
	if metric == "" {
		return errors.New("no metric name can be made of the header: rename the column")
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

func firstNonEmpty(names ...string) string {
	for _, name := range names {
		if name != "" {
			return name
		}
	}
	return ""
}

// brief quotes text for a message, cut to a length that suits one.
func quoteShort(text string) string {
	const most = 40
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most]) + "…"
	}
	return strconv.Quote(text)
}

// list quotes the first few headers for a message.
func quoteList(headers []string) string {
	const most = 12
	var quoted []string
	for _, header := range headers[:min(most, len(headers))] {
		quoted = append(quoted, quoteShort(header))
	}
	if len(headers) > most {
		quoted = append(quoted, "…")
	}
	return strings.Join(quoted, ", ")
}
