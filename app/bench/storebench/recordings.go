package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/factory"
)

// loadRecordings reads the CSV files that match pattern: a header, a timestamp in
// the first column and numbers in the others. It skips repeated timestamps, which
// COPY would refuse.
func loadRecordings(pattern string) (all []factory.Reading, err error) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("recordings %q: none found (%w)", pattern, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		machine := strings.TrimSuffix(filepath.Base(file), ".csv")
		if all, err = readRecording(all, machine, strings.NewReader(strings.ReplaceAll(string(text), ";", ","))); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return all, nil
}

// readRecording appends the readings of one file to all.
func readRecording(all []factory.Reading, machine string, text io.Reader) ([]factory.Reading, error) {
	in := csv.NewReader(text)
	header, err := in.Read()
	if err != nil {
		return nil, err
	}
	seen := make(map[int64]bool)
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		at, err := time.Parse(time.DateTime, cells[0])
		if err != nil {
			return nil, err
		}
		if seen[at.UnixMilli()] {
			continue
		}
		seen[at.UnixMilli()] = true
		for i, cell := range cells[1:] {
			value, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				return nil, err
			}
			all = append(all, factory.Reading{Machine: machine, Metric: header[i+1], ObservedAt: at.UnixMilli(), Value: value})
		}
	}
}
