//go:build container || kube

// Package container_test runs the image on a container engine, with Compose and in a
// Kubernetes cluster, under load and with failures. The build tags container and kube
// select the tests; .ci/container-test and .ci/kube-test prepare what they need.
package container_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// waitTimeout bounds every wait. It is long because the machine may be busy.
const waitTimeout = 2 * time.Minute

// output runs a program and returns its standard output; a failure ends the test.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, errs, code := execute(t, "", name, args...)
	if code != 0 {
		t.Fatalf("%s %s: exit %d\n%s%s", name, strings.Join(args, " "), code, out, errs)
	}
	return strings.TrimSpace(out)
}

// runAnyExit runs a program and returns its output and its exit code.
func runAnyExit(t *testing.T, name string, args ...string) (string, int) {
	t.Helper()
	out, errs, code := execute(t, "", name, args...)
	return strings.TrimSpace(out + errs), code
}

// execute runs a program with the standard input in.
func execute(t *testing.T, in, name string, args ...string) (out, errs string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Stdin = append(os.Environ(), extraEnv...), strings.NewReader(in)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// extraEnv is added to the environment of the programs.
var extraEnv []string

// eventually waits until done returns true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	if !within(waitTimeout, done) {
		t.Fatalf("waiting for %s: not within %v", what, waitTimeout)
	}
}

// within reports whether done returned true before the limit.
func within(limit time.Duration, done func() bool) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !done(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
