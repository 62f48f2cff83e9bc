package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"smart-factory-backend/app/store"
)

func TestFaultsReportChangesOnly(t *testing.T) {
	t.Parallel()
	var reported []string
	f := store.NewFaults(2, func(err error) { reported = append(reported, fmt.Sprint(err)) })
	disk, network := errors.New("disk"), errors.New("network")
	for _, step := range []struct {
		part int
		err  error
		want string // reported so far
	}{
		{0, nil, ""},
		{0, disk, "disk"},
		{0, errors.New("disk"), "disk"},
		{1, network, "disk network"},
		{0, nil, "disk network"},
		{1, disk, "disk network disk"},
		{1, nil, "disk network disk <nil>"},
	} {
		f.Set(step.part, step.err)
		if got := strings.Join(reported, " "); got != step.want {
			t.Fatalf("after Set(%d, %v): reported %q, want %q", step.part, step.err, got, step.want)
		}
		if got := f.Get(step.part); fmt.Sprint(got) != fmt.Sprint(step.err) {
			t.Errorf("Get(%d) = %v, want %v", step.part, got, step.err)
		}
	}
	store.NewFaults(1, nil).Set(0, disk)
}

func TestRecoverAsKeepsTheStackOutOfTheText(t *testing.T) {
	t.Parallel()
	err := func() (err error) {
		defer store.RecoverAs(&err)
		panic("a broken invariant")
	}()
	var caught *store.PanicError
	if !errors.As(err, &caught) || caught.Value != "a broken invariant" || !strings.Contains(string(caught.Stack), "faults_test.go") {
		t.Fatalf("RecoverAs: %#v, want the panic with its stack", err)
	}
	if text := err.Error(); text != "panic: a broken invariant" {
		t.Errorf("Error() = %q", text)
	}
}
