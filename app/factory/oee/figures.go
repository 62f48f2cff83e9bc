package oee

import (
	"fmt"

	"smart-factory-backend/app/factory/timeline"
)

// Figures are the figures of ISO 22400-2. Those without a base are nil, and Why says
// what is missing by the name of the figure.
type Figures struct {
	// Scheduled, Busy and Production are the planned operation time, the planned busy
	// time (without planned stops) and the actual production time.
	Scheduled  float64 `json:"pot_s"`
	Busy       float64 `json:"pbt_s"`
	Production float64 `json:"apt_s"`
	// Total is the number of all pieces.
	Total  float64 `json:"total"`
	Good   float64 `json:"good"`
	Scrap  float64 `json:"scrap"`
	Rework float64 `json:"rework"`
	// Ideal is the shortest time in which all pieces could have been made.
	Ideal *float64 `json:"ideal_s"`
	// Effectiveness is above 1 if pieces are made faster than the ideal cycle says.
	Availability  *float64 `json:"availability"`
	Effectiveness *float64 `json:"effectiveness"`
	Quality       *float64 `json:"quality"`
	OEE           *float64 `json:"oee"`
	Flags         []Flag   `json:"flags"`
	Losses        Losses   `json:"losses"`
	// LossTree is Busy split into the time of good pieces and the losses.
	LossTree    Loss        `json:"loss_tree"`
	Unscheduled Unscheduled `json:"unscheduled"`
	// Failures is the number of faults. TimeToRepair is their mean length,
	// TimeBetweenFailures the mean time from one's begin to the next one's, and
	// TimeToFailure that from one's end to the next one's begin.
	Failures            int64    `json:"failures"`
	TimeToRepair        *float64 `json:"mttr_s"`
	TimeBetweenFailures *float64 `json:"mtbf_s"`
	TimeToFailure       *float64 `json:"mttf_s"`
	// NetEffectiveness counts setup as production. SetupRate is the share of setup in
	// production and setup, ScrapRatio that of scrap in all pieces, and Utilization
	// that of production in the time in which the machine was occupied: Busy without
	// idle and offline.
	NetEffectiveness *float64          `json:"nee"`
	SetupRate        *float64          `json:"setup_rate"`
	ScrapRatio       *float64          `json:"scrap_ratio"`
	Utilization      *float64          `json:"utilization"`
	Why              map[string]string `json:"why"`
}

// Flag is a remark on figures.
type Flag string

// CycleTooLong says that the effectiveness is above 1, so an ideal cycle must be shorter.
const CycleTooLong Flag = "ideal_cycle_too_long"

// Unscheduled are pieces made outside scheduled time. They are in no other figure.
type Unscheduled struct {
	Good  float64 `json:"good"`
	Scrap float64 `json:"scrap"`
}

// What a figure can lack.
const (
	noBusyTime       = "there is no planned busy time"
	noProductionTime = "there is no production time"
	noPieces         = "no pieces were made"
	noSetup          = "there is neither production nor setup time"
	noOccupiedTime   = "the machine was idle, offline or not scheduled"
	noFailure        = "there was no failure"
	noTwoFailures    = "no failure followed another one"
)

// Figures returns the figures of the sums.
func (s *Sums) Figures() Figures {
	var all, scheduled int64
	for _, t := range s.time {
		scheduled += t
	}
	all = scheduled - s.in(timeline.PlannedStop)
	running, setup := s.in(timeline.Running), s.in(timeline.Setup)
	occupied := all - s.in(timeline.Idle) - s.in(timeline.Offline)
	f := Figures{
		Scheduled: seconds(scheduled), Busy: seconds(all), Production: seconds(running),
		Flags: []Flag{}, Why: map[string]string{}, Failures: s.failures,
		Unscheduled: Unscheduled{Good: s.unscheduled.good.value(), Scrap: s.unscheduled.scrap.value()},
	}
	n := s.counted()
	f.Good, f.Scrap, f.Rework, f.Total = n.good.value(), n.scrap.value(), n.rework.value(), n.made()
	f.Availability = f.ratio("availability", f.Production, f.Busy, noBusyTime)
	f.setFactors(s, s.ideal())
	f.SetupRate = f.ratio("setup_rate", seconds(setup), seconds(setup+running), noSetup)
	f.ScrapRatio = f.ratio("scrap_ratio", f.Scrap, f.Total, noPieces)
	f.Utilization = f.ratio("utilization", f.Production, seconds(occupied), noOccupiedTime)
	f.TimeToRepair = f.ratio("mttr_s", seconds(s.in(timeline.Fault)), float64(s.failures), noFailure)
	f.TimeBetweenFailures = f.ratio("mtbf_s", seconds(s.between), float64(s.intervals), noTwoFailures)
	f.TimeToFailure = f.ratio("mttf_s", seconds(s.until), float64(s.intervals), noTwoFailures)
	return f
}

// setFactors sets the figures that depend on ideal times, and the losses.
func (f *Figures) setFactors(s *Sums, t idealTime) {
	if t.unknown != "" {
		for _, name := range []string{"ideal_s", "effectiveness", "oee", "nee", "losses.speed", "losses.quality"} {
			f.Why[name] = t.unknown
		}
		if t.products == 1 {
			f.Quality = f.ratio("quality", f.Good, f.Total, noPieces)
		} else {
			f.Why["quality"] = t.unknown
		}
		f.setLosses(s, nil)
		return
	}
	f.Effectiveness = f.ratio("effectiveness", t.all, f.Production, noProductionTime)
	f.Quality = f.ratio("quality", t.good, t.all, noPieces)
	f.OEE = f.ratio("oee", t.good, f.Busy, noBusyTime)
	if f.Effectiveness == nil {
		f.Why["nee"] = noProductionTime
	} else {
		f.NetEffectiveness = f.ratio("nee", (f.Production+seconds(s.in(timeline.Setup)))*t.good, f.Busy*f.Production, noBusyTime)
		// A last bit of rounding is not too fast.
		if *f.Effectiveness > 1+1e-12 {
			f.Flags = append(f.Flags, CycleTooLong)
		}
	}
	f.setLosses(s, &t)
}

// ratio returns a figure, nil if its base is zero.
func (f *Figures) ratio(name string, value, base float64, missing string) *float64 {
	if base == 0 {
		f.Why[name] = missing
		return nil
	}
	value /= base
	return &value
}

// counted returns the pieces of all products.
func (s *Sums) counted() pieces {
	var sum pieces
	for _, a := range s.articles() {
		n := s.pieces[a]
		sum.good.merge(n.good)
		sum.scrap.merge(n.scrap)
		sum.rework.merge(n.rework)
	}
	return sum
}

// idealTime is the ideal time in seconds of all pieces and of the good ones.
type idealTime struct {
	all, good float64
	// unknown says whose ideal cycle is unknown, "" if all are known. products is the
	// number of products.
	unknown  string
	products int
}

func (s *Sums) ideal() idealTime {
	var t idealTime
	var all, good total
	last := ""
	for _, a := range s.articles() {
		n := s.pieces[a]
		made := n.made()
		if made == 0 && n.good.value() == 0 {
			continue
		}
		if t.products == 0 || a.product != last {
			t.products, last = t.products+1, a.product
		}
		if a.cycle == 0 && t.unknown == "" {
			t.unknown = "a machine that made pieces without a product has no ideal cycle"
			if a.product != "" {
				t.unknown = fmt.Sprintf("neither product %q nor a machine that made it has an ideal cycle", a.product)
			}
		}
		all.add(a.cycle * made)
		good.add(a.cycle * n.good.value())
	}
	t.all, t.good = all.value(), good.value()
	return t
}

func seconds(milliseconds int64) float64 { return float64(milliseconds) / 1000 }
