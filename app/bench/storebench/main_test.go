package main

import (
	"io"
	"os"
	"testing"

	"smart-factory-backend/app/testkit/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

func TestParseSettings(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{"-job", "growth", "-path", "x", "-milestone", "1", "-milestone", "5"}, io.Discard)
	if err != nil || len(s.milestones) != 2 || s.milestones[1] != 5 {
		t.Errorf("parse() = %+v, %v", s, err)
	}
	for _, bad := range [][]string{
		{},
		{"-path", "x", "-job", "none"},
		{"-path", "x", "-engine", "none"},
		{"-engine", "copy"},
		{"-path", "x", "-batch", "0"},
		{"-path", "x", "-milestone", "5", "-milestone", "1"},
		{"-path", "x", "-milestone", "0"},
		{"-engine", "copy", "-url", "x", "-job", "day"},
		{"-path", "x", "more"},
	} {
		if _, err := parse(bad, io.Discard); err == nil {
			t.Errorf("parse(%q) = nil, want an error", bad)
		}
	}
}
