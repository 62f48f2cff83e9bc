package store

import (
	"fmt"
	"sync"

	"smart-factory-backend/app/factory"
)

// SeriesLimits bound what may be registered; 0 is no limit. What already
// exceeds a limit stays usable.
type SeriesLimits struct {
	// Total bounds the series, and separately the machines.
	Total int
	// PerMachine bounds the series of one machine.
	PerMachine int
	// PerSender bounds the series that one sender's readings register; see
	// factory.WithSender.
	PerSender int
}

// CheckMachine returns an error if no machine may be added to n machines.
func (l SeriesLimits) CheckMachine(n int) error {
	if l.Total > 0 && n >= l.Total {
		return limitError("MAX_SERIES", l.Total, "machines in the store")
	}
	return nil
}

// CheckSeries returns an error if no series may be added to total series, of
// which the machine has ofMachine.
func (l SeriesLimits) CheckSeries(total, ofMachine int) error {
	if l.PerMachine > 0 && ofMachine >= l.PerMachine {
		return limitError("MAX_SERIES_PER_MACHINE", l.PerMachine, "series of one machine")
	}
	if l.Total > 0 && total >= l.Total {
		return limitError("MAX_SERIES", l.Total, "series in the store")
	}
	return nil
}

func limitError(variable string, limit int, of string) error {
	return fmt.Errorf("limit of %d %s reached (%s): delete machines with ?purge=true or raise the limit: %w", limit, of, variable, factory.ErrInvalid)
}

// SenderCounts count the series that each sender has registered in this
// process. The zero value is ready; it is safe for concurrent use.
type SenderCounts struct {
	mu        sync.Mutex
	bySender  map[string]int
	byMachine map[string]map[string]int // machine, then sender
}

// Check returns an error if sender, which is about to register pending series,
// may not register another one.
func (c *SenderCounts) Check(sender string, pending int, l SeriesLimits) error {
	if l.PerSender == 0 || sender == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bySender[sender]+pending >= l.PerSender {
		return limitError("MAX_SERIES_PER_KEY", l.PerSender, "series registered with one API key")
	}
	return nil
}

// Add counts a series of machine that sender has registered.
func (c *SenderCounts) Add(sender, machine string) {
	if sender == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bySender == nil {
		c.bySender, c.byMachine = make(map[string]int), make(map[string]map[string]int)
	}
	if c.byMachine[machine] == nil {
		c.byMachine[machine] = make(map[string]int)
	}
	c.bySender[sender]++
	c.byMachine[machine][sender]++
}

// Keep forgets the series of the machines that exist does not report: they are
// purged.
func (c *SenderCounts) Keep(exist func(machine string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for machine := range c.byMachine {
		if !exist(machine) {
			c.purgeLocked(machine)
		}
	}
}

// Purge forgets the series of a machine.
func (c *SenderCounts) Purge(machine string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.purgeLocked(machine)
}

func (c *SenderCounts) purgeLocked(machine string) {
	for sender, n := range c.byMachine[machine] {
		if c.bySender[sender] -= n; c.bySender[sender] == 0 {
			delete(c.bySender, sender)
		}
	}
	delete(c.byMachine, machine)
}
