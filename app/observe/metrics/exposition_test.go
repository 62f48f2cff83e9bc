package metrics_test

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"smart-factory-backend/app/observe/metrics"
)

// exposition is a page in the Prometheus text format, checked while it is read.
type exposition struct {
	kinds   map[string]string  // by family
	samples map[string]float64 // by name and labels, as written
}

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:, ?|$)`)
)

// scrape reads what the set writes and fails on what Prometheus would not read.
func scrape(t *testing.T, s *metrics.Set) exposition {
	t.Helper()
	var page bytes.Buffer
	s.WritePrometheus(&page)
	e, err := parse(page.String())
	if err != nil {
		t.Fatalf("WritePrometheus: %v in\n%s", err, page.String())
	}
	return e
}

// value is that of a series; it has to be there.
func (e exposition) value(t *testing.T, series string) float64 {
	t.Helper()
	v, found := e.samples[series]
	if !found {
		t.Fatalf("there is no sample %s", series)
	}
	return v
}

func parse(page string) (exposition, error) {
	e := exposition{kinds: map[string]string{}, samples: map[string]float64{}}
	if !strings.HasSuffix(page, "\n") {
		return e, fmt.Errorf("the last line has no end")
	}
	family := ""
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		var err error
		switch {
		case strings.HasPrefix(line, "# HELP "):
		case strings.HasPrefix(line, "# TYPE "):
			family, err = e.head(line)
		default:
			err = e.sample(line, family)
		}
		if err != nil {
			return e, fmt.Errorf("line %q: %w", line, err)
		}
	}
	return e, e.checkHistograms()
}

func (e exposition) head(line string) (family string, err error) {
	words := strings.Fields(line)
	if len(words) != 4 || !slices.Contains([]string{"counter", "gauge", "histogram", "summary"}, words[3]) {
		return "", fmt.Errorf("no type")
	}
	if e.kinds[words[2]] != "" {
		return "", fmt.Errorf("second head of a family")
	}
	e.kinds[words[2]] = words[3]
	return words[2], nil
}

func (e exposition) sample(line, family string) error {
	m := sampleLine.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("no sample")
	}
	if m[1] != family && !slices.Contains(suffixed(family, e.kinds[family]), m[1]) {
		return fmt.Errorf("a sample of another family than %q", family)
	}
	if _, err := parseLabels(m[3]); err != nil {
		return err
	}
	v, err := strconv.ParseFloat(m[4], 64)
	if err != nil {
		return err
	}
	if _, twice := e.samples[m[1]+m[2]]; twice {
		return fmt.Errorf("the series is there twice")
	}
	e.samples[m[1]+m[2]] = v
	return nil
}

// suffixed are the names of samples that a family has besides its own.
func suffixed(family, kind string) []string {
	switch kind {
	case "histogram":
		return []string{family + "_bucket", family + "_sum", family + "_count"}
	case "summary":
		return []string{family + "_sum", family + "_count"}
	}
	return nil
}

func parseLabels(text string) (map[string]string, error) {
	labels := map[string]string{}
	for text != "" {
		m := labelPair.FindStringSubmatch(text)
		if m == nil {
			return nil, fmt.Errorf("labels at %q", text)
		}
		if _, twice := labels[m[1]]; twice {
			return nil, fmt.Errorf("label %s twice", m[1])
		}
		labels[m[1]] = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(m[2])
		text = text[len(m[0]):]
	}
	return labels, nil
}

// checkHistograms holds buckets to be cumulative, and to end in +Inf with the
// count. The runtime's histograms have no count.
func (e exposition) checkHistograms() error {
	buckets := map[string]map[float64]float64{} // by family and other labels
	counts := map[string]float64{}
	for series, v := range e.samples {
		name, text, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
		labels, _ := parseLabels(text)
		if family, is := strings.CutSuffix(name, "_count"); is && e.kinds[family] == "histogram" {
			counts[family+fmt.Sprint(labels)] = v
		}
		family, is := strings.CutSuffix(name, "_bucket")
		if !is || e.kinds[family] != "histogram" {
			continue
		}
		le, err := strconv.ParseFloat(labels["le"], 64)
		if err != nil {
			return fmt.Errorf("%s: le: %w", series, err)
		}
		delete(labels, "le")
		key := family + fmt.Sprint(labels)
		if buckets[key] == nil {
			buckets[key] = map[float64]float64{}
		}
		buckets[key][le] = v
	}
	for key, of := range buckets {
		last := 0.0
		for _, le := range slices.Sorted(maps.Keys(of)) {
			if of[le] < last {
				return fmt.Errorf("%s: the bucket %v is not cumulative", key, le)
			}
			last = of[le]
		}
		all, ends := of[math.Inf(1)]
		if count, has := counts[key]; !ends || has && count != all || !has && !strings.HasPrefix(key, "go_") {
			return fmt.Errorf("%s: +Inf is %v, the count %v", key, all, count)
		}
	}
	return nil
}

func TestParserRejectsInvalidPages(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]string{
		"a sample without a head":    "a 1\n",
		"a sample of another family": "# TYPE a counter\nb 1\n",
		"two heads":                  "# TYPE a counter\na 1\n# TYPE a counter\n",
		"a series twice":             "# TYPE a counter\na 1\na 1\n",
		"a quote in a label":         "# TYPE a counter\na{b=\"\"\"} 1\n",
		"no value":                   "# TYPE a counter\na\n",
		"a cut page":                 "# TYPE a counter\na 1",
		"buckets that fall":          "# TYPE go_a histogram\ngo_a_bucket{le=\"1\"} 2\ngo_a_bucket{le=\"+Inf\"} 1\n",
		"a count of its own":         "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 2\n",
	} {
		if _, err := parse(page); err == nil {
			t.Errorf("%s: parse accepts %q", name, page)
		}
	}
}
