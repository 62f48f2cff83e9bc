package alarm

import (
	"cmp"
	"slices"

	"smart-factory-backend/app/factory"
)

// Figures of EEMUA 191.
const (
	// window is the length of the windows in which alarms are counted, and floodRate
	// the most alarms of a window that is no flood.
	window    = 10 * 60 * 1000
	floodRate = 10
	// An alarm chatters if it is raised chatterCount times within chatterTime.
	chatterTime  = 60 * 1000
	chatterCount = 3
	// A fleeting alarm ends by itself within fleetingTime, a stale one is active for
	// longer than staleTime.
	fleetingTime = 60 * 1000
	staleTime    = 24 * 60 * 60 * 1000
	mostFrequent = 10
)

// Record is an occurrence of a rule on a machine.
type Record struct {
	Rule, Machine string
	Occurrence
}

// Performance are the figures of a range of time.
type Performance struct {
	// Alarms is the number of occurrences that were raised in the range.
	Alarms int `json:"alarms"`
	// Windows is the number of windows of ten minutes; the last one may be shorter.
	Windows int `json:"windows"`
	// RateMean and RateMax are alarms per window, FloodShare the share of windows
	// with more than ten.
	RateMean   float64 `json:"rate_mean"`
	RateMax    int     `json:"rate_max"`
	FloodShare float64 `json:"flood_share"`
	// BySeverity counts the occurrences of each severity.
	BySeverity map[Severity]int `json:"by_severity"`
	// MostFrequent are the ten alarms that were raised most often.
	MostFrequent []Frequency `json:"most_frequent"`
	// Chattering are the alarms that were raised three times within a minute.
	Chattering []Frequency `json:"chattering"`
	// Fleeting counts the occurrences that returned within a minute without anyone's
	// action.
	Fleeting int `json:"fleeting"`
	// Stale are the occurrences that were active for more than a day.
	Stale []StaleAlarm `json:"stale"`
	// TimeToAck is the time from the activation to the first acknowledgement.
	TimeToAck Latency `json:"time_to_ack"`
}

// Frequency is how often a rule has raised an alarm on a machine.
type Frequency struct {
	Rule    string  `json:"rule"`
	Machine string  `json:"machine"`
	Count   int     `json:"count"`
	Share   float64 `json:"share"`
}

// StaleAlarm is an occurrence that was active for long.
type StaleAlarm struct {
	ID      string  `json:"id"`
	Rule    string  `json:"rule"`
	Machine string  `json:"machine"`
	Hours   float64 `json:"hours"`
}

// Latency is the distribution of a time. The figures are nil if Count is 0.
type Latency struct {
	Count  int      `json:"count"`
	Mean   *float64 `json:"mean_s"`
	Median *float64 `json:"median_s"`
	Max    *float64 `json:"max_s"`
}

// Measure returns the figures of a range of time. records are all occurrences that
// were raised before its end; a range that has not ended yet ends now.
func Measure(records []Record, span factory.Span) Performance {
	var raised []Record
	p := Performance{
		BySeverity: map[Severity]int{}, MostFrequent: []Frequency{}, Chattering: []Frequency{}, Stale: []StaleAlarm{},
		Windows: int((span.To - span.From + window - 1) / window),
	}
	for _, severity := range Severities {
		p.BySeverity[severity] = 0
	}
	for _, r := range records {
		if r.RaisedAt < span.From || r.RaisedAt >= span.To {
			p.addStale(r, span)
			continue
		}
		raised = append(raised, r)
		p.BySeverity[r.Severity]++
		if r.ReturnedAt != 0 && r.ReturnedAt-r.RaisedAt <= fleetingTime && (r.FirstAckedAt == 0 || r.FirstAckedAt >= r.ReturnedAt) {
			p.Fleeting++
		}
		p.addStale(r, span)
	}
	slices.SortFunc(raised, func(a, b Record) int { return cmp.Compare(a.RaisedAt, b.RaisedAt) })
	p.Alarms = len(raised)
	p.measureRate(raised, span)
	p.measureFrequency(raised)
	p.measureAcks(raised)
	slices.SortFunc(p.Stale, func(a, b StaleAlarm) int { return cmp.Compare(b.Hours, a.Hours) })
	return p
}

// addStale lists an occurrence that was active for long, also before the range.
func (p *Performance) addStale(r Record, span factory.Span) {
	end := r.ReturnedAt
	if end == 0 && !r.Active {
		end = r.Since
	}
	if end == 0 || end > span.To {
		end = span.To
	}
	if end > span.From && end-r.RaisedAt > staleTime {
		p.Stale = append(p.Stale, StaleAlarm{ID: r.ID, Rule: r.Rule, Machine: r.Machine, Hours: float64(end-r.RaisedAt) / 3_600_000})
	}
}

func (p *Performance) measureRate(raised []Record, span factory.Span) {
	if p.Windows == 0 {
		return
	}
	p.RateMean = float64(len(raised)) / (float64(span.To-span.From) / window)
	floods := 0
	for i := 0; i < len(raised); {
		n := i
		for w := (raised[i].RaisedAt - span.From) / window; n < len(raised) && (raised[n].RaisedAt-span.From)/window == w; {
			n++
		}
		p.RateMax = max(p.RateMax, n-i)
		if n-i > floodRate {
			floods++
		}
		i = n
	}
	p.FloodShare = float64(floods) / float64(p.Windows)
}

func (p *Performance) measureFrequency(raised []Record) {
	type key struct{ rule, machine string }
	times := map[key][]int64{}
	for _, r := range raised {
		k := key{r.Rule, r.Machine}
		times[k] = append(times[k], r.RaisedAt)
	}
	for k, at := range times {
		f := Frequency{Rule: k.rule, Machine: k.machine, Count: len(at), Share: float64(len(at)) / float64(len(raised))}
		p.MostFrequent = append(p.MostFrequent, f)
		for i := chatterCount - 1; i < len(at); i++ {
			if at[i]-at[i-chatterCount+1] <= chatterTime {
				p.Chattering = append(p.Chattering, f)
				break
			}
		}
	}
	byCount := func(a, b Frequency) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Machine, b.Machine))
	}
	slices.SortFunc(p.MostFrequent, byCount)
	slices.SortFunc(p.Chattering, byCount)
	p.MostFrequent = p.MostFrequent[:min(len(p.MostFrequent), mostFrequent)]
}

func (p *Performance) measureAcks(raised []Record) {
	var seconds []float64
	sum := 0.0
	for _, r := range raised {
		if r.FirstAckedAt != 0 {
			s := max(0, float64(r.FirstAckedAt-r.RaisedAt)/1000)
			seconds = append(seconds, s)
			sum += s
		}
	}
	n := len(seconds)
	p.TimeToAck.Count = n
	if n == 0 {
		return
	}
	slices.Sort(seconds)
	mean, median := sum/float64(n), (seconds[(n-1)/2]+seconds[n/2])/2
	p.TimeToAck.Mean, p.TimeToAck.Median, p.TimeToAck.Max = &mean, &median, &seconds[n-1]
}
