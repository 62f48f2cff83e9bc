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

// postgresServer is a PostgreSQL of the benchmark's own, with its defaults:
// each commit is synced.
type postgresServer struct {
	*process
	databases int
}

// startPostgres makes the files of a server and starts it.
func (b *runner) startPostgres(ctx context.Context) (*postgresServer, error) {
	initdb, err := findInitdb()
	if err != nil {
		return nil, err
	}
	dir, address, err := b.newRun()
	if err != nil {
		return nil, err
	}
	as, err := b.postgresUser(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	cmd := exec.CommandContext(ctx, initdb, "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions")
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	cmd = exec.Command(filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data, "-p", strconv.Itoa(int(address.Port())),
		"-c", "listen_addresses="+address.Addr().String(), "-c", "unix_socket_directories=")
	cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}, &syscall.SysProcAttr{Credential: as}
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

// findInitdb finds that of the newest installed release; Debian has it outside
// the search path.
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

// dropRoot says as whom the server is to run, which refuses to run as root; nil
// is as whoever we are. dir becomes its own.
func (b *runner) postgresUser(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, errUID := strconv.ParseUint(who.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(who.Gid, 10, 32)
	as := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return as, errors.Join(errUID, errGID, os.Chmod(b.dir, 0o711), os.Chown(dir, int(uid), int(gid)))
}

// await waits until the server answers.
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
			return fmt.Errorf("PostgreSQL ended (%w) and said: %s", p.err, text)
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

// database makes an empty database and returns its connection string. drop
// removes it; nobody uses it any more.
func (p *postgresServer) createDatabase(ctx context.Context) (address string, drop func() error, err error) {
	p.databases++
	name := "bench" + strconv.Itoa(p.databases)
	drop = func() error {
		return p.exec(context.WithoutCancel(ctx), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}
	return postgresURL(p.address, name), drop, p.exec(ctx, "CREATE DATABASE "+name)
}

// endPostgres stops the server, whoever is still connected; nil is none.
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
