package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresServer is a PostgreSQL server that the benchmark started, with default
// settings: each commit is synced.
type postgresServer struct {
	*process
	databases int
}

// startPostgres initializes a server and starts it.
func (b *runner) startPostgres(ctx context.Context) (*postgresServer, error) {
	initdb, err := findInitdb()
	if err != nil {
		return nil, err
	}
	dir, address, err := b.newRun()
	if err != nil {
		return nil, err
	}
	credential, err := b.postgresUser(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	cmd := exec.CommandContext(ctx, initdb, "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions")
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: credential}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	cmd = exec.Command(filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data, "-p", strconv.Itoa(int(address.Port())),
		"-c", "listen_addresses="+address.Addr().String(), "-c", "unix_socket_directories=")
	cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}, &syscall.SysProcAttr{Credential: credential}
	c, err := startProcess(cmd, address, dir)
	if err != nil {
		return nil, err
	}
	p := &postgresServer{process: c}
	if err := p.waitReady(ctx); err != nil {
		b.stopPostgres(p)
		return nil, err
	}
	return p, nil
}

// findInitdb returns the path of initdb of the newest installed release. Debian
// installs it outside the search path.
func findInitdb() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return exec.LookPath("initdb")
	}
	release := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return slices.MaxFunc(found, func(a, b string) int { return release(a) - release(b) }), nil
}

// postgresUser returns the user to run the server as, because PostgreSQL refuses
// to run as root; nil is the current user. It makes the user the owner of dir.
func (b *runner) postgresUser(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
	credential := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return credential, errors.Join(errUID, errGID, os.Chmod(b.dir, 0o711), os.Chown(dir, int(uid), int(gid)))
}

// waitReady waits until the server accepts queries.
func (p *postgresServer) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := p.exec(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL is not ready: %w: %w", err, context.Cause(ctx))
		case <-p.exited:
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("PostgreSQL exited (%w) with output: %s", p.err, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *postgresServer) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, postgresURL(p.address, "postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// createDatabase creates an empty database and returns its connection string.
// drop removes it, and closes the connections to it.
func (p *postgresServer) createDatabase(ctx context.Context) (address string, drop func() error, err error) {
	p.databases++
	name := "bench" + strconv.Itoa(p.databases)
	drop = func() error {
		return p.exec(context.WithoutCancel(ctx), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}
	return postgresURL(p.address, name), drop, p.exec(ctx, "CREATE DATABASE "+name)
}

// stopPostgres stops the server and closes its connections. p may be nil.
func (b *runner) stopPostgres(p *postgresServer) {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		b.stopServer(p.process)
	}
}

func postgresURL(address netip.AddrPort, name string) string {
	u := url.URL{Scheme: "postgres", User: url.User("bench"), Host: address.String(), Path: "/" + name, RawQuery: "sslmode=disable"}
	return u.String()
}
