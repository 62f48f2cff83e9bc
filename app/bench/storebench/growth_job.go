package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"smart-factory-backend/app/factory"
)

const million = 1_000_000

// growingStore appends to a store and measures the cost of a point. Other load on
// the machine can raise all costs for a while, so the cost is also compared with
// that in a new store at about the same time: the control, in its own process.
type growingStore struct {
	settings
	engine    engine
	generator *generator
	batch     []factory.Reading
	points    int
	// controlInterval is the number of points between two controls.
	controlInterval int
	// newStore measures the cost of a point in a new store, in nanoseconds of CPU
	// time. control is its last result.
	newStore func(context.Context) (float64, error)
	control  float64
	worst    time.Duration
}

// runGrowth appends to an embedded store and reports at each milestone the cost of
// a point since the last milestone.
func runGrowth(ctx context.Context, s settings, report reportFunc) (err error) {
	g, err := s.newGrowingStore(ctx, 5*million)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.engine.close()) }()
	for _, milestone := range s.milestones {
		figures, err := g.growTo(ctx, milestone*million)
		if err != nil {
			return err
		}
		if err := report(strconv.Itoa(milestone)+" M", figures); err != nil {
			return err
		}
	}
	return nil
}

func (s settings) newGrowingStore(ctx context.Context, controlInterval int) (*growingStore, error) {
	g := &growingStore{settings: s, controlInterval: controlInterval, generator: newGenerator(s.series), batch: make([]factory.Reading, s.batch)}
	g.newStore = g.measureNewStore
	var err error
	if g.control, err = g.newStore(ctx); err != nil {
		return nil, err
	}
	g.engine, err = open(ctx, s)
	return g, err
}

// growTo appends until there are this many points, rounded up to whole batches,
// and returns the figures.
func (g *growingStore) growTo(ctx context.Context, points int) (map[string]float64, error) {
	began, control := g.points, 0.0 // cost of these points in new stores
	m, err := startMeter(g.server)
	if err != nil {
		return nil, err
	}
	g.worst = 0
	probe, err := startSyncProbe(filepath.Dir(g.path))
	if err != nil {
		return nil, err
	}
	defer func() { _, _ = probe.stop() }() // for the returns with an error
	appending := time.Duration(0)
	for g.points < points {
		before, first, start := g.control, g.points, time.Now()
		if err := g.append(ctx, min(points, g.points+g.controlInterval)); err != nil {
			return nil, err
		}
		appending += time.Since(start)
		if g.control, err = g.newStore(ctx); err != nil {
			return nil, err
		}
		control += (before + g.control) / 2 * float64(g.points-first)
	}
	// Background work of the store during the controls is part of its cost.
	_, used, err := m.read()
	if err != nil {
		return nil, err
	}
	worstDisk, err := probe.stop()
	if err != nil {
		return nil, err
	}
	now, most, err := memory()
	n := float64(g.points - began)
	figures := map[string]float64{
		"points": float64(g.points), "cpu_ns_per_point": float64(used.Nanoseconds()) / n, "cpu_of_new": float64(used.Nanoseconds()) / control,
		"points_per_second": n / appending.Seconds(), "worst_ms": milliseconds(g.worst), "worst_disk_ms": milliseconds(worstDisk),
		"rss_mib": now / (1 << 20), "rss_most_mib": most / (1 << 20),
		"file_bytes_per_point": fileSize(g.path) / float64(g.points),
	}
	if e, ok := g.engine.(*sqliteEngine); ok {
		figures["refused"] = float64(e.refused)
		e.refused = 0
	}
	return figures, err
}

func (g *growingStore) append(ctx context.Context, points int) error {
	for ; g.points < points; g.points += len(g.batch) {
		g.generator.fill(g.batch)
		began := time.Now()
		if err := g.engine.append(ctx, g.batch); err != nil {
			return fmt.Errorf("after %d points: %w", g.points, err)
		}
		g.worst = max(g.worst, time.Since(began))
	}
	return nil
}

// measureNewStore measures the cost of a point in a new store, with more than one
// chunk per series.
func (g *growingStore) measureNewStore(ctx context.Context) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(g.path), "control-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	points := max(2*million, 600*g.series)
	out, err := exec.CommandContext(ctx, self, "-job", "control", "-engine", g.settings.engine, "-path", filepath.Join(dir, "new.db"),
		"-series", strconv.Itoa(g.series), "-batch", strconv.Itoa(len(g.batch)), "-points", strconv.Itoa(points)).Output()
	if err != nil {
		return 0, fmt.Errorf("control: %w", err)
	}
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		return 0, fmt.Errorf("control: %w", err)
	}
	return r.Figures["cpu_ns_per_point"], nil
}

// runControl appends to a new store and reports the cost of a point.
func runControl(ctx context.Context, s settings, report reportFunc) (err error) {
	g := &growingStore{settings: s, generator: newGenerator(s.series), batch: make([]factory.Reading, s.batch)}
	if g.engine, err = open(ctx, s); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.engine.close()) }()
	m, err := startMeter(s.server)
	if err != nil {
		return err
	}
	if err := g.append(ctx, s.points); err != nil {
		return err
	}
	_, used, err := m.read()
	if err != nil {
		return err
	}
	return report("", map[string]float64{"cpu_ns_per_point": float64(used.Nanoseconds()) / float64(g.points)})
}

// fileSize returns the size of a SQLite file and of its write-ahead log.
func fileSize(path string) (size float64) {
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			size += float64(info.Size())
		}
	}
	return size
}
