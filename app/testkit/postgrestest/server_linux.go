package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"smart-factory-backend/app/testkit/porttest"
)

// waitTimeout is longer than any operation takes that does not hang.
const waitTimeout = 60 * time.Second

// Server is a PostgreSQL server. Its methods must not be called concurrently.
type Server struct {
	bin, dir   string
	port       *porttest.Port
	settings   []string
	credential *syscall.Credential // user of the server processes; nil means the current one
	cmd        *exec.Cmd
	log        *os.File
}

// New creates a database cluster and starts a server on it. settings are name=value
// pairs of postgresql.conf. The caller must call Remove.
func New(settings ...string) (s *Server, err error) {
	s = &Server{settings: settings}
	if s.bin, err = findBinaries(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "pg-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Remove()
		}
	}()
	if err := s.dropPrivileges(); err != nil {
		return nil, err
	}
	initdb := s.command("initdb", "-D", s.dataDir(), "-U", "factory", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	if s.port, err = porttest.Reserve(); err != nil {
		return nil, err
	}
	return s, s.Start()
}

// findBinaries returns the directory of the newest installed server. Debian
// installs it outside PATH.
func findBinaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.SortFunc(found, func(a, b string) int { return majorVersion(a) - majorVersion(b) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("no PostgreSQL server is installed: %w", err)
	}
	return filepath.Dir(path), nil
}

func majorVersion(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// dropPrivileges makes the server run as another user if the current one is root,
// which PostgreSQL refuses.
func (s *Server) dropPrivileges() error {
	if os.Geteuid() != 0 {
		return nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return err
		}
	}
	uid, errUID := strconv.ParseUint(who.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(who.Gid, 10, 32)
	if err := errors.Join(errUID, errGID); err != nil {
		return err
	}
	s.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid))
}

func (s *Server) dataDir() string { return filepath.Join(s.dir, "data") }

// command returns a command that runs a PostgreSQL program. The kernel kills the
// program if the test process dies.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.credential, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Start starts the server, the first time or after Kill, and waits until it accepts
// connections. It retries, since processes of a killed server may keep its files in
// use for a moment.
func (s *Server) Start() (err error) {
	deadline := time.Now().Add(waitTimeout)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ; time.Now().Before(deadline); <-tick.C {
		if err = s.startOnce(deadline, tick.C); err == nil {
			return nil
		}
	}
	text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return fmt.Errorf("start PostgreSQL: %w\n%s", err, text)
}

func (s *Server) startOnce(deadline time.Time, tick <-chan time.Time) error {
	args := []string{
		"-D", s.dataDir(), "-p", strconv.Itoa(s.port.Number),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=400",
	}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	s.cmd, s.log = s.command("postgres", args...), log
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return errors.Join(err, log.Close())
	}
	ended := make(chan error, 1)
	go func(cmd *exec.Cmd) { ended <- cmd.Wait() }(s.cmd)
	for ; time.Now().Before(deadline); <-tick {
		select {
		case err := <-ended:
			return errors.Join(fmt.Errorf("server exited: %w", err), log.Close())
		default:
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		conn, err := pgx.Connect(ctx, s.URL(""))
		if err == nil {
			err = conn.Close(ctx)
		}
		cancel()
		if err == nil {
			return nil
		}
	}
	return errors.New("server does not accept connections")
}

// Kill kills the server's main process, as a crash would. Its child processes notice
// that and exit. Kill waits for them, since until then some still answer queries.
func (s *Server) Kill() {
	var children []int // pidfds
	for _, pid := range s.stopMainProcess() {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil { // an error means that it has exited
			children = append(children, fd)
		}
	}
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	deadline := time.Now().Add(waitTimeout)
	for _, fd := range children {
		_ = unix.PidfdSendSignal(fd, unix.SIGCONT, nil, 0) // in case it was frozen
		waitForExit(fd, deadline)
	}
	_ = s.log.Close()
}

// waitForExit waits for the process of a pidfd to exit, and closes the pidfd.
func waitForExit(fd int, deadline time.Time) {
	defer func() { _ = unix.Close(fd) }()
	for {
		left := max(0, time.Until(deadline).Milliseconds())
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left))
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// Freeze suspends all processes of the server.
func (s *Server) Freeze() {
	for _, child := range s.stopMainProcess() {
		_ = syscall.Kill(child, syscall.SIGSTOP)
	}
}

// Thaw resumes all processes of the server.
func (s *Server) Thaw() {
	for _, child := range s.children() {
		_ = syscall.Kill(child, syscall.SIGCONT)
	}
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
}

// stopMainProcess suspends the main process, so that it starts no more children,
// and returns the ids of its children.
func (s *Server) stopMainProcess() (children []int) {
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(waitTimeout); s.running() && time.Now().Before(deadline); {
		<-tick.C
	}
	return s.children()
}

// running reports whether the main process is neither stopped nor dead. In
// /proc/PID/stat the state follows the name, which is in parentheses.
func (s *Server) running() bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
	_, state, found := strings.Cut(string(text), ") ")
	return found && !strings.ContainsAny(state[:1], "TZX")
}

// children returns the process ids of the main process's children.
func (s *Server) children() (pids []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.PID(), s.PID()))
	for child := range strings.FieldsSeq(string(text)) {
		if pid, err := strconv.Atoi(child); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Remove kills the server and deletes its files.
func (s *Server) Remove() {
	if s.cmd != nil && s.cmd.Process != nil {
		s.Kill()
	}
	deadline := time.Now().Add(waitTimeout)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for os.RemoveAll(s.dir) != nil && time.Now().Before(deadline) {
		<-tick.C // the last process is still writing
	}
	if s.port != nil {
		_ = s.port.Release()
	}
}

// URL returns a connection string. If schema is not empty, it is the search path.
func (s *Server) URL(schema string) string {
	u := url.URL{Scheme: "postgres", User: url.User("factory"), Host: fmt.Sprint("127.0.0.1:", s.port.Number), Path: "/postgres"}
	q := url.Values{"sslmode": {"disable"}}
	if schema != "" {
		q.Set("search_path", schema)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Exec runs a statement on a new connection.
func (s *Server) Exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.URL(""))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// PID returns the process id of the server's main process.
func (s *Server) PID() int { return s.cmd.Process.Pid }
