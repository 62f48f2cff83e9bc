package timeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/factory"
)

// Signals says how the readings of a machine become states and counts. The zero value
// uses no readings.
type Signals struct {
	// State is nil if no metric shows the state.
	State *StateSignal
	// Good, Scrap and Total are the metrics of counters, Product is the metric whose
	// text is the id of the product document; "" if there is none. If Total is given,
	// the missing one of Good and Scrap is the difference; otherwise Total is not
	// used.
	Good, Scrap, Total, Product string
	// OfflineAfter is the time in milliseconds without any reading after which the
	// machine is offline; 0 means never.
	OfflineAfter int64
}

// StateSignal is the metric that shows the state of a machine.
type StateSignal struct {
	Metric string
	Map    StateMap
	// Default is the state of values that Map lacks.
	Default State
	// Mode is the metric of the PackML unit mode; Blocked and Starved are the metrics
	// of its interlock: true while a suspended machine waits for the machine after or
	// before it. "" if there is none.
	Mode, Blocked, Starved string
	// UsesAlarms reports that the state depends on the machine's active alarms.
	UsesAlarms bool
}

// Limits of the time in offline_after.
const (
	minOfflineAfter = time.Second
	maxOfflineAfter = 31 * 24 * time.Hour
	// maxMapValues is the maximum number of values of a state map.
	maxMapValues = 1000
)

type metricDocument struct {
	Metric metricName `json:"metric"`
}

type signalsDocument struct {
	State *struct {
		Metric  metricName      `json:"metric"`
		Map     json.RawMessage `json:"map"`
		Default State           `json:"default"`
		Mode    *metricDocument `json:"mode"`
		Blocked *metricDocument `json:"blocked"`
		Starved *metricDocument `json:"starved"`
	} `json:"state"`
	Good         *metricDocument `json:"good"`
	Scrap        *metricDocument `json:"scrap"`
	Total        *metricDocument `json:"total"`
	Product      *metricDocument `json:"product"`
	OfflineAfter duration        `json:"offline_after"`
}

// ParseSignals parses the signals member of a machine. Its error is
// factory.MemberErrors or wraps factory.ErrInvalid.
func ParseSignals(data []byte) (Signals, error) {
	var d signalsDocument
	if err := factory.DecodeDocument(data, &d); err != nil {
		return Signals{}, err
	}
	var faults factory.MemberErrors
	metric := func(pointer string, m *metricDocument) string {
		if m == nil {
			return ""
		}
		if m.Metric == "" {
			faults.Add(pointer+"/metric", missing)
		}
		return string(m.Metric)
	}
	s := Signals{
		Good: metric("/good", d.Good), Scrap: metric("/scrap", d.Scrap), Total: metric("/total", d.Total),
		Product: metric("/product", d.Product), OfflineAfter: time.Duration(d.OfflineAfter).Milliseconds(),
	}
	checkDistinct(&s, &faults)
	if d.State != nil {
		s.State = &StateSignal{
			Metric: metric("/state", &metricDocument{d.State.Metric}), Default: d.State.Default,
			Mode: metric("/state/mode", d.State.Mode), Blocked: metric("/state/blocked", d.State.Blocked), Starved: metric("/state/starved", d.State.Starved),
		}
		s.State.parseMap(d.State.Map, &faults)
	}
	if err := faults.Err(); err != nil {
		return Signals{}, err
	}
	return s, nil
}

const missing = "is missing"

// checkDistinct refuses one metric in two counters.
func checkDistinct(s *Signals, faults *factory.MemberErrors) {
	used := map[string]string{}
	for _, counter := range []struct{ name, metric string }{{"good", s.Good}, {"scrap", s.Scrap}, {"total", s.Total}} {
		if other := used[counter.metric]; other != "" && counter.metric != "" {
			faults.Add("/"+counter.name+"/metric", "is the metric of "+other+" already")
		}
		used[counter.metric] = counter.name
	}
}

// parseMap sets the map from the name of a built-in one or an object, and what depends
// on it.
func (s *StateSignal) parseMap(data json.RawMessage, faults *factory.MemberErrors) {
	var name string
	var own map[string]State
	switch {
	case len(data) == 0:
		faults.Add("/state/map", missing)
	case data[0] == '"' && json.Unmarshal(data, &name) == nil:
		var ok bool
		if s.Map, ok = builtInMaps[name]; !ok {
			faults.Add("/state/map", fmt.Sprintf("%s is not a built-in map; they are boolean, mtconnect, packml and weihenstephan", quoted(name)))
		}
	case data[0] == '{':
		if err := factory.DecodeDocument(data, &own); err != nil {
			faults.AddError("/state/map", err)
			return
		}
		s.Map = customMap(own, faults)
	default:
		faults.Add("/state/map", "must be the name of a built-in map or an object of states")
	}
	if s.Default == "" {
		s.Default = Idle
	}
	s.UsesAlarms = name == PackML
	for _, extra := range []struct{ name, metric string }{{"mode", s.Mode}, {"blocked", s.Blocked}, {"starved", s.Starved}} {
		if extra.metric != "" && name != PackML {
			faults.Add("/state/"+extra.name, "is for the map packml only")
		}
	}
}

// customMap makes a map from values as texts to states. Values that spell a number
// stand for the number and the text.
func customMap(values map[string]State, faults *factory.MemberErrors) StateMap {
	m := StateMap{numbers: map[float64]mapped{}, texts: map[string]mapped{}}
	switch {
	case len(values) == 0:
		faults.Add("/state/map", "must have at least one value")
	case len(values) > maxMapValues:
		faults.Add("/state/map", fmt.Sprintf("has %d values, more than %d", len(values), maxMapValues))
	}
	spelling := map[float64]string{}
	for text, state := range values {
		m.texts[text] = mapped{state: state}
		number, ok := spelledNumber(text)
		if !ok {
			continue
		}
		if other, repeated := spelling[number]; repeated && values[other] != state {
			first, second := min(text, other), max(text, other)
			faults.Add("/state/map/"+pointerToken(second), "is the same number as "+quoted(first)+", with another state")
		}
		spelling[number], m.numbers[number] = text, mapped{state: state}
	}
	return m
}

// Metrics returns the names of all metrics that s uses, without repetition.
func (s *Signals) Metrics() []string {
	all := []string{s.Good, s.Scrap, s.Total, s.Product}
	if s.State != nil {
		all = append(all, s.State.Metric, s.State.Mode, s.State.Blocked, s.State.Starved)
	}
	all = slices.DeleteFunc(all, func(name string) bool { return name == "" })
	slices.Sort(all)
	return slices.Compact(all)
}

// UnmarshalText accepts the names of states only.
func (s *State) UnmarshalText(text []byte) error {
	for _, state := range States {
		if string(state) == string(text) {
			*s = state
			return nil
		}
	}
	return fmt.Errorf("%s is not a state; the states are %s: %w", quoted(string(text)), stateNames(), factory.ErrInvalid)
}

func stateNames() string {
	names := make([]string, len(States))
	for i, state := range States {
		names[i] = string(state)
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

type metricName string

// UnmarshalText accepts valid names of metrics only.
func (m *metricName) UnmarshalText(text []byte) error {
	*m = metricName(text)
	return factory.ValidateName(factory.KindMetric, string(text))
}

type duration time.Duration

// UnmarshalText accepts the times that offline_after can have.
func (d *duration) UnmarshalText(text []byte) error {
	value, err := time.ParseDuration(string(text))
	if err != nil || value < minOfflineAfter || value > maxOfflineAfter || value%time.Millisecond != 0 {
		return fmt.Errorf("%s is not a time such as 30s, 5m or 1h, from 1s to 744h: %w", quoted(string(text)), factory.ErrInvalid)
	}
	*d = duration(value)
	return nil
}

// maxExcerpt is the most bytes of a sender's text that a message repeats.
const maxExcerpt = 64

func excerpt(text string) string {
	if len(text) <= maxExcerpt {
		return text
	}
	return strings.ToValidUTF8(text[:maxExcerpt], "") + "…"
}

func quoted(text string) string { return strconv.Quote(excerpt(text)) }

// pointerToken returns a name as a token of a JSON pointer (RFC 6901).
func pointerToken(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(excerpt(name))
}
