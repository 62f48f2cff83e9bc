package timeline_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"

	"pgregory.net/rapid"
)

// plainPlant answers for one moment at a time, by looking at everything that was ever
// recorded. It shares no code with the package.
type plainPlant struct {
	records      timeline.Records
	signs        []int64
	offlineAfter int64
	counters     map[string][]factory.Point
	signal       bool
	now          int64
}

// last returns the value of the last sample that is not after at.
func last(samples []timeline.Sample, at int64) (value timeline.Sample, ok bool) {
	for _, s := range samples {
		if s.ObservedAt <= at && (!ok || s.ObservedAt >= value.ObservedAt) {
			value, ok = s, true
		}
	}
	return value, ok
}

// packML is the state that the signals show at one moment, "" before the first
// reading.
func (p *plainPlant) packML(at int64) timeline.State {
	state, ok := last(p.records.State.State, at)
	if !ok {
		return ""
	}
	mode, _ := last(p.records.State.Mode, at)
	blocked, _ := last(p.records.State.Blocked, at)
	starved, _ := last(p.records.State.Starved, at)
	alarm := false
	for _, span := range p.records.State.Alarms {
		alarm = alarm || span.From <= at && at < span.To
	}
	name := state.Text
	if !state.IsText {
		name = map[float64]string{6: "Execute", 5: "Suspended", 11: "Held", 9: "Aborted", 15: "Resetting", 4: "Idle"}[state.Number]
	}
	switch {
	case mode.Number == 2:
		return timeline.PlannedStop
	case name == "Execute":
		return timeline.Running
	case name == "Suspended" && blocked.Number != 0:
		return timeline.Blocked
	case name == "Suspended" && starved.Number != 0:
		return timeline.Starved
	case name == "Held" && alarm, name == "Aborted":
		return timeline.Fault
	case name == "Resetting":
		return timeline.Setup
	case name == "nonsense":
		return timeline.Starved // the default in this test
	}
	return timeline.Idle
}

// newest returns the event of a kind that holds at a moment.
func (p *plainPlant) newest(kind factory.EventKind, at int64) (event timeline.Event, ok bool) {
	for _, e := range p.records.Events {
		if e.Kind == kind && e.ObservedAt <= at && (!ok || e.ObservedAt > event.ObservedAt || e.ObservedAt == event.ObservedAt && e.Seq > event.Seq) {
			event, ok = e, true
		}
	}
	return event, ok
}

func (p *plainPlant) silent(at int64) bool {
	before, after := int64(math.MinInt64), p.now
	for _, t := range p.signs {
		if t <= at && t > before {
			before = t
		}
		if t > at && t < after {
			after = t
		}
	}
	return before != math.MinInt64 && after-before > p.offlineAfter
}

// stateAt returns state, source and reason of one moment as text.
func (p *plainPlant) stateAt(at int64) string {
	state, source, reason := timeline.Offline, timeline.FromSilence, ""
	changed := int64(math.MinInt64)
	if p.signal && p.packML(at) != "" {
		state, source = p.packML(at), timeline.FromSignal
		for changed = at; p.packML(changed-1) == state; changed-- {
		}
	}
	if e, ok := p.newest(factory.EventState, at); ok && e.ObservedAt >= changed {
		state, source, reason = e.State, timeline.FromEvent, e.Reason
	}
	if p.silent(at) {
		state, source, reason = timeline.Offline, timeline.FromSilence, ""
	}
	var named *timeline.Event
	for i, e := range p.records.Events {
		if e.Kind != factory.EventReason || at < e.From || at >= e.To {
			continue
		}
		if named == nil || e.ObservedAt > named.ObservedAt || e.ObservedAt == named.ObservedAt && e.Seq > named.Seq {
			named = &p.records.Events[i]
		}
	}
	if named != nil && state != timeline.Running {
		reason = named.Reason
	}
	return fmt.Sprint(state, " ", source, " ", reason)
}

func (p *plainPlant) productAt(at int64) string {
	product, changed := "", int64(math.MinInt64)
	if s, ok := last(p.records.Product, at); ok {
		product = s.Text
		for changed = at; ; changed-- {
			if before, ok := last(p.records.Product, changed-1); !ok || before.Text != product {
				break
			}
		}
	}
	if e, ok := p.newest(factory.EventProduct, at); ok && e.ObservedAt >= changed {
		product = e.Product
	}
	return product
}

// growth returns how much a counter grew in the moment from at to at+1.
func (p *plainPlant) growth(counter string, at int64) float64 {
	points := p.counters[counter]
	counted := 0.0
	for i, point := range points {
		amount := 0.0
		switch {
		case i == 0:
			counted = point.Value
		case point.Value*2 < counted:
			amount, counted = point.Value, point.Value
		case point.Value > counted:
			amount, counted = point.Value-counted, point.Value
		}
		if i > 0 && points[i-1].ObservedAt <= at && at < point.ObservedAt {
			return amount / float64(point.ObservedAt-points[i-1].ObservedAt)
		}
	}
	return 0
}

// pieces are good, scrap and rework by product.
type pieces map[string][3]float64

func (p pieces) add(product string, good, scrap, rework float64) {
	have := p[product]
	p[product] = [3]float64{have[0] + good, have[1] + scrap, have[2] + rework}
}

// madeAt returns what was made from at to at+1.
func (p *plainPlant) madeAt(at int64, given string) pieces {
	made := pieces{}
	for _, e := range p.records.Events {
		if e.Kind == factory.EventCount && e.ObservedAt == at {
			product := e.Product
			if product == "" {
				product = p.productAt(at)
			}
			made.add(product, e.Good, e.Scrap, e.Rework)
		}
	}
	good, scrap, total := p.growth("good", at), p.growth("scrap", at), p.growth("total", at)
	switch given {
	case "good total":
		scrap = total - good
	case "scrap total":
		good = total - scrap
	case "total":
		good = total
	}
	made.add(p.productAt(at), good, scrap, 0)
	return made
}

const horizon = 60

func drawPlant(t *rapid.T) (p *plainPlant, signals string, given string) {
	moment := rapid.Int64Range(0, horizon)
	p = &plainPlant{signal: rapid.Bool().Draw(t, "signal"), now: rapid.Int64Range(0, horizon+5).Draw(t, "now"), offlineAfter: math.MaxInt32}
	samples := func(name string, draw func() timeline.Sample) (list []timeline.Sample) {
		for _, at := range rapid.SliceOfNDistinct(moment, 0, 8, rapid.ID).Draw(t, name) {
			s := draw()
			s.ObservedAt = at
			list = append(list, s)
		}
		return list
	}
	truth := func() timeline.Sample { return timeline.Sample{Number: float64(rapid.IntRange(0, 2).Draw(t, "value"))} }
	if p.signal {
		p.records.State.State = samples("state", func() timeline.Sample {
			if rapid.Bool().Draw(t, "text") {
				return timeline.Sample{IsText: true, Text: rapid.SampledFrom([]string{"Execute", "Suspended", "Held", "Aborted", "Idle", "nonsense"}).Draw(t, "name")}
			}
			return timeline.Sample{Number: rapid.SampledFrom([]float64{6, 5, 11, 9, 15, 4}).Draw(t, "number")}
		})
		p.records.State.Mode, p.records.State.Blocked, p.records.State.Starved = samples("mode", truth), samples("blocked", truth), samples("starved", truth)
		for range rapid.IntRange(0, 2).Draw(t, "alarms") {
			from := moment.Draw(t, "raised")
			p.records.State.Alarms = append(p.records.State.Alarms, factory.Span{From: from, To: from + rapid.Int64Range(0, 20).Draw(t, "lasted")})
		}
	}
	product := rapid.SampledFrom([]string{"a", "b", "c"})
	p.records.Product = samples("products", func() timeline.Sample { return timeline.Sample{IsText: true, Text: product.Draw(t, "product")} })
	p.records.Events = drawEvents(t, moment, product)
	given = rapid.SampledFrom([]string{"", "good", "good scrap", "good total", "scrap total", "total", "good scrap total"}).Draw(t, "counters")
	p.counters = map[string][]factory.Point{}
	signals = drawCounters(t, p, given)
	if rapid.Bool().Draw(t, "offline_after") {
		p.offlineAfter = rapid.Int64Range(1, 15).Draw(t, "limit")
		p.signs = rapid.SliceOfN(moment, 0, 12).Draw(t, "signs")
	}
	p.records.Birth = p.birth()
	return p, signals, given
}

func drawEvents(t *rapid.T, moment *rapid.Generator[int64], product *rapid.Generator[string]) (events []timeline.Event) {
	for seq := range rapid.Int64Range(0, 15).Draw(t, "events") {
		e := timeline.Event{Event: factory.Event{Seq: seq + 1, ObservedAt: moment.Draw(t, "ts"), Kind: rapid.SampledFrom(timeline.PostedKinds).Draw(t, "kind")}}
		switch e.Kind {
		case factory.EventState:
			e.State = rapid.SampledFrom(timeline.States).Draw(t, "said")
			e.Reason = rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "why")
		case factory.EventReason:
			e.Reason = rapid.SampledFrom([]string{"u", "v", "w"}).Draw(t, "reason")
			e.From = moment.Draw(t, "from")
			e.To = e.From + rapid.Int64Range(1, 30).Draw(t, "length")
		case factory.EventCount:
			e.Good, e.Scrap, e.Rework = float64(rapid.IntRange(0, 9).Draw(t, "good")), float64(rapid.IntRange(0, 3).Draw(t, "scrap")), float64(rapid.IntRange(0, 2).Draw(t, "rework"))
			e.Product = rapid.SampledFrom([]string{"", "a", "d"}).Draw(t, "of")
		case factory.EventProduct:
			e.Product = product.Draw(t, "begun")
		}
		events = append(events, e)
	}
	return events
}

func drawCounters(t *rapid.T, p *plainPlant, given string) (signals string) {
	for name, increases := range map[string]*[]timeline.Increase{"good": &p.records.Good, "scrap": &p.records.Scrap, "total": &p.records.Total} {
		if !containsWord(given, name) {
			continue
		}
		signals += fmt.Sprintf(`,%q:{"metric":%q}`, name, name)
		var counter timeline.Counter
		for at := int64(0); at <= horizon; at += rapid.Int64Range(1, 20).Draw(t, "step") {
			point := factory.Point{ObservedAt: at, Value: float64(rapid.IntRange(0, 40).Draw(t, "count"))}
			p.counters[name] = append(p.counters[name], point)
			*increases = append(*increases, counter.Add(point))
		}
	}
	return signals
}

// birth is the first moment at which anything was recorded.
func (p *plainPlant) birth() int64 {
	first := int64(math.MaxInt64)
	see := func(at int64) { first = min(first, at) }
	for _, list := range [][]timeline.Sample{p.records.State.State, p.records.State.Mode, p.records.State.Blocked, p.records.State.Starved, p.records.Product} {
		for _, s := range list {
			see(s.ObservedAt)
		}
	}
	for _, e := range p.records.Events {
		see(e.ObservedAt)
	}
	for _, points := range p.counters {
		for _, point := range points {
			see(point.ObservedAt)
		}
	}
	for _, at := range p.signs {
		see(at)
	}
	return first
}

func TestComputeEqualsAPlainModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, counters, given := drawPlant(t)
		text := `{"product":{"metric":"p"}` + counters
		if p.signal {
			text += `,"state":{"metric":"s","map":"packml","default":"starved","mode":{"metric":"m"},"blocked":{"metric":"b"},"starved":{"metric":"w"}}`
		}
		signals, err := timeline.ParseSignals([]byte(text + "}"))
		if err != nil {
			t.Fatal(err)
		}
		signs := timeline.NewSigns(p.offlineAfter)
		for _, at := range p.signs { // a series each, so in any order
			signs.Add(at)
		}
		p.records.Silences = signs.Silences(p.now)
		from := rapid.Int64Range(-5, horizon).Draw(t, "range from")
		to := rapid.Int64Range(from, horizon+10).Draw(t, "range to")
		got := signals.Compute(&p.records, factory.Span{From: from, To: to}, p.now)
		checkSegments(t, p, got, max(from, p.records.Birth), min(to, p.now))
		checkProductions(t, p, got, given, max(from, p.records.Birth), min(to, p.now))
	})
}

func checkSegments(t *rapid.T, p *plainPlant, got timeline.Timeline, from, to int64) {
	at, before := from, ""
	for _, s := range got.Segments {
		if s.From != at || s.To <= s.From {
			t.Fatalf("segment from %d to %d, want one that begins at %d\n%+v", s.From, s.To, at, got.Segments)
		}
		text := fmt.Sprint(s.State, " ", s.Source, " ", s.Reason)
		if text == before {
			t.Fatalf("two segments of %q follow each other: %+v", text, got.Segments)
		}
		before = text
		for ; at < s.To; at++ {
			if want := p.stateAt(at); text != want {
				t.Fatalf("at %d: %q, want %q\n%+v\n%+v", at, text, want, got.Segments, p.records)
			}
		}
	}
	if at < to {
		t.Fatalf("the segments end at %d, want %d: %+v", at, to, got.Segments)
	}
	for _, span := range got.Products {
		for at := span.From; at < span.To; at++ {
			if want := p.productAt(at); span.Product != want {
				t.Fatalf("product at %d: %q, want %q", at, span.Product, want)
			}
		}
	}
}

func checkProductions(t *rapid.T, p *plainPlant, got timeline.Timeline, given string, from, to int64) {
	want, have := pieces{}, pieces{}
	for at := from; at < to; at++ {
		for product, n := range p.madeAt(at, given) {
			want.add(product, n[0], n[1], n[2])
		}
	}
	for _, made := range got.Productions {
		if made.From < from || made.To > to || made.From == made.To && made.To == to {
			t.Fatalf("%+v is not between %d and %d", made, from, to)
		}
		have.add(made.Product, made.Good, made.Scrap, made.Rework)
	}
	for _, product := range []string{"", "a", "b", "c", "d"} {
		for i := range 3 {
			if math.Abs(want[product][i]-have[product][i]) > 1e-9 {
				t.Fatalf("made of %q: %v, want %v\n%+v\n%+v", product, have[product], want[product], got.Productions, p)
			}
		}
	}
}

func containsWord(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == word {
			return true
		}
	}
	return false
}
