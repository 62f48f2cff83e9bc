package metrics

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Types of metric families as written in TYPE lines.
const (
	kindCounter   = "counter"
	kindGauge     = "gauge"
	kindHistogram = "histogram"
)

var (
	validName  = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	validLabel = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

// sampler produces the samples of a series.
type sampler interface {
	// sample writes the sample lines of one series. labels includes the braces,
	// or is "".
	sample(b *bytes.Buffer, name, labels string)
}

// family is the set of series with one name.
type family struct {
	name, kind string
	series     []series // ordered by labels
}

type series struct {
	labels string
	source sampler
}

func (f *family) search(labels string) (int, bool) {
	return slices.BinarySearchFunc(f.series, labels, func(s series, labels string) int {
		return strings.Compare(s.labels, labels)
	})
}

func (f *family) find(labels string) sampler {
	if i, found := f.search(labels); found {
		return f.series[i].source
	}
	return nil
}

func (f *family) insert(labels string, from sampler) {
	i, _ := f.search(labels)
	f.series = slices.Insert(f.series, i, series{labels: labels, source: from})
}

// write writes the family; it omits the TYPE line of a family without samples.
func (f *family) write(b *bytes.Buffer) {
	start := b.Len()
	writeHead(b, f.name, f.kind)
	head := b.Len()
	for _, s := range f.series {
		s.source.sample(b, f.name, s.labels)
	}
	if b.Len() == head {
		b.Truncate(start)
	}
}

// writeHead writes the TYPE line of a family.
func writeHead(b *bytes.Buffer, name, kind string) {
	fmt.Fprintf(b, "# TYPE %s %s\n", name, kind)
}

// writeSample writes one sample line. Integers are written without an exponent.
func writeSample(b *bytes.Buffer, name, labels string, value float64) {
	b.WriteString(name)
	b.WriteString(labels)
	b.WriteByte(' ')
	if value == math.Trunc(value) && math.Abs(value) < 1<<53 {
		b.Write(strconv.AppendInt(b.AvailableBuffer(), int64(value), 10))
	} else {
		b.Write(strconv.AppendFloat(b.AvailableBuffer(), value, 'g', -1, 64))
	}
	b.WriteByte('\n')
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// formatLabels renders key and value pairs in braces, sorted by key. It returns ""
// for no pairs.
func formatLabels(pairs []string) string {
	if len(pairs)%2 != 0 {
		panic(fmt.Sprintf("metrics: the labels %q have a key without a value", pairs))
	}
	if len(pairs) == 0 {
		return ""
	}
	values := make(map[string]string, len(pairs)/2)
	keys := make([]string, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		key := pairs[i]
		if _, twice := values[key]; twice || key == "le" || !validLabel.MatchString(key) {
			panic(fmt.Sprintf("metrics: %q can't be a label, or is one twice, in %q", key, pairs))
		}
		values[key] = escaper.Replace(strings.ToValidUTF8(pairs[i+1], "\uFFFD"))
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var b strings.Builder
	for i, key := range keys {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(key + `="` + values[key] + `"`)
	}
	b.WriteByte('}')
	return b.String()
}
