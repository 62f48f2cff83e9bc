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

// growth lets a store grow. Since neighbours make everything dearer for a
// while, what a point costs is also held against what it costs in a new store
// at about the same time: the control, in a process of its own.
type growingStore struct {
	settings
	engine    engine
	generator *generator
	batch     []factory.Reading
	points    int
	// stretch is how many points are appended between two controls.
	controlInterval int
	// newStore measures what a point costs in a new store, in nanoseconds, and
	// control is what it last returned.
	newStore func(context.Context) (float64, error)
	control  float64
	worst    time.Duration
}

// runGrowth lets an embedded store grow and tells at each milestone what a point has
// cost since the one before.
func runGrowth(ctx context.Context, s settings, tell reportFunc) (err error) {
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
		if err := tell(strconv.Itoa(milestone)+" M", figures); err != nil {
			return err
		}
	}
	return nil
}

func (s settings) newGrowingStore(ctx context.Context, stretch int) (*growingStore, error) {
	g := &growingStore{settings: s, controlInterval: stretch, generator: newGenerator(s.series), batch: make([]factory.Reading, s.batch)}
	g.newStore = g.measureNewStore
	var err error
	if g.control, err = g.newStore(ctx); err != nil {
		return nil, err
	}
	g.engine, err = open(ctx, s)
	return g, err
}

// to appends until there are so many points, rounded up to whole batches.
func (g *growingStore) growTo(ctx context.Context, points int) (map[string]float64, error) {
	began, control := g.points, 0.0 // what these points would have cost in new stores
	m, err := startMeter(g.server)
	if err != nil {
		return nil, err
	}
	g.worst = 0
	probe, err := startSyncProbe(filepath.Dir(g.path))
	if err != nil {
		return nil, err
	}
	defer func() { _, _ = probe.stop() }() // after an error; else it has stopped
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
	// What the store does beside while the control runs is its cost, too.
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

// takeControl measures what a point costs in a new store that gets more than a
// chunk of each series.
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

// runControl appends to a new store and tells what a point cost.
func runControl(ctx context.Context, s settings, tell reportFunc) (err error) {
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
	return tell("", map[string]float64{"cpu_ns_per_point": float64(used.Nanoseconds()) / float64(g.points)})
}

// fileSize is the size of a file and of its write-ahead log.
func fileSize(path string) (size float64) {
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			size += float64(info.Size())
		}
	}
	return size
}
