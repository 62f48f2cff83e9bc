package sqlite_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"smart-factory-backend/app/store/sqlite"
)

// A faultDisk stands between SQLite and the files of one directory. It can
// make writes and syncs fail, and it knows what a power cut would leave:
// everything that was synced, and any part of the rest.
type faultDisk struct {
	dir string

	mu    sync.Mutex
	files map[string]*shadow
	// rule, if not nil, decides about each operation. It is called with mu
	// held.
	rule func(op diskOp) diskFault
}

// diskOp is a write, truncation or sync of a file, whose name has no
// directory.
type diskOp struct {
	kind string
	file string
}

// diskFault is the outcome of an operation; code 0 is success. The first half
// of a torn write reaches the file.
type diskFault struct {
	code int32
	torn bool
}

// shadow is the state of one file.
type shadow struct {
	name    string
	durable []byte
	pending []change // since the last sync
	handles map[*handle]struct{}
}

// change is a write, or a truncation if data is nil.
type change struct {
	offset int64
	data   []byte
}

func (c change) apply(content []byte) []byte {
	end := c.offset + int64(len(c.data))
	for int64(len(content)) < end {
		content = append(content, make([]byte, end-int64(len(content)))...)
	}
	if c.data == nil {
		return content[:min(int64(len(content)), c.offset)]
	}
	copy(content[c.offset:], c.data)
	return content
}

// The layer is registered with SQLite once. It finds disks by directory and
// open files by the address of SQLite's handle.
const faultVFS = "faultdisk"

var (
	faultLayer   sync.Once
	faultMu      sync.Mutex
	faultDisks   = make(map[string]*faultDisk)
	faultHandles = make(map[uintptr]*handle)
	plainVFS     uintptr
)

// handle is a file that SQLite has open.
type handle struct {
	disk   *faultDisk
	shadow *shadow
	plain  uintptr // the methods of SQLite's own layer
	// unreported is the failure of a sync through another handle. As in Linux,
	// each handle that was open at the time reports it once.
	unreported int32
}

// errFault is the error of a faultFile.
var errFault = errors.New("the disk fails")

// after returns the disk after the process that used d was killed. It is below
// the directory of path and has the files as the system still shows them,
// while no more of them is on the disk than before.
func (d *faultDisk) after(t *testing.T, path string) *faultDisk {
	t.Helper()
	next := newFaultDisk(t, path)
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, s := range d.files {
		seen, err := os.ReadFile(filepath.Join(d.dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(next.dir, name), seen, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		next.files[name] = &shadow{
			name: name, durable: slices.Clone(s.durable), pending: slices.Clone(s.pending), handles: make(map[*handle]struct{}),
		}
	}
	return next
}

// newFaultDisk puts a faultDisk below the directory of path.
func newFaultDisk(t *testing.T, path string) *faultDisk {
	t.Helper()
	faultLayer.Do(registerFaultLayer)
	dir := filepath.Dir(path)
	d := &faultDisk{dir: dir, files: make(map[string]*shadow)}
	faultMu.Lock()
	faultDisks[dir] = d
	faultMu.Unlock()
	t.Cleanup(func() {
		faultMu.Lock()
		delete(faultDisks, dir)
		faultMu.Unlock()
	})
	return d
}

// setRule replaces the rule.
func (d *faultDisk) setRule(rule func(op diskOp) diskFault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rule = rule
}

// imageLocked returns the files as they might be after a power cut at this
// moment.
func (d *faultDisk) imageLocked(random *rand.Rand) map[string][]byte {
	const sector = 512
	files := make(map[string][]byte)
	for name, s := range d.files {
		content := append([]byte(nil), s.durable...)
		for _, c := range s.pending {
			switch random.IntN(4) {
			case 0: // lost
			case 1: // some sectors are lost
				for at := 0; at < len(c.data); at += sector {
					if random.IntN(2) == 0 {
						content = change{c.offset + int64(at), c.data[at:min(at+sector, len(c.data))]}.apply(content)
					}
				}
			default:
				content = c.apply(content)
			}
		}
		files[name] = content
	}
	return files
}

// act asks the rule about an operation, performs it with run and records its
// effect.
func (h *handle) act(kind string, c change, run func(length int) int32) int32 {
	d := h.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	var fault diskFault
	if d.rule != nil {
		fault = d.rule(diskOp{kind, h.shadow.name})
	}
	s := h.shadow
	switch {
	case fault.code != 0 && fault.torn && len(c.data) > 1:
		c.data = c.data[:len(c.data)/2]
		run(len(c.data))
		s.pending = append(s.pending, c)
		return fault.code
	case fault.code != 0 && kind == "sync":
		// As in Linux, the failed pages are dropped, the next sync succeeds
		// without them, and readers still see them.
		s.pending = nil
		for other := range s.handles {
			other.unreported = fault.code
		}
		h.unreported = 0
		return fault.code
	case fault.code != 0:
		return fault.code
	}
	code := run(len(c.data))
	switch {
	case code != sqlite3.SQLITE_OK:
	case kind == "sync":
		for _, c := range s.pending {
			s.durable = c.apply(s.durable)
		}
		s.pending = nil
		code, h.unreported = h.unreported, 0
	default:
		s.pending = append(s.pending, c)
	}
	return code
}

// openWAL is a Tuning.OpenWAL that opens the file through d.
func (d *faultDisk) openWAL(path string) (sqlite.WALFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &faultFile{file, d.open(path)}, nil
}

// faultFile is a file that the store opens without SQLite.
type faultFile struct {
	*os.File
	handle *handle
}

func (f *faultFile) WriteAt(p []byte, offset int64) (n int, err error) {
	code := f.handle.act("write", change{offset, append([]byte{}, p...)}, func(length int) int32 {
		n, err = f.File.WriteAt(p[:length], offset)
		return sqlite3.SQLITE_OK
	})
	if code != sqlite3.SQLITE_OK {
		return n, errFault
	}
	return n, err
}

func (f *faultFile) Sync() error {
	if f.handle.act("sync", change{}, func(int) int32 { return sqlite3.SQLITE_OK }) != sqlite3.SQLITE_OK {
		return errFault
	}
	return nil
}

func (f *faultFile) Close() error {
	f.handle.close()
	return f.File.Close()
}

// addressed returns a pointer to the object at an address of SQLite's memory.
func addressed[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// asFunction returns the C function at an address.
func asFunction[F any](address uintptr) F { return *(*F)(unsafe.Pointer(&address)) }

// addressOf returns the address of a function for SQLite to call.
func addressOf(f any) uintptr {
	return (*(*[2]uintptr)(unsafe.Pointer(&f)))[1]
}

type (
	openFunc     = func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
	deleteFunc   = func(*libc.TLS, uintptr, uintptr, int32) int32
	writeFunc    = func(*libc.TLS, uintptr, uintptr, int32, sqlite3.Tsqlite3_int64) int32
	truncateFunc = func(*libc.TLS, uintptr, sqlite3.Tsqlite3_int64) int32
	syncFunc     = func(*libc.TLS, uintptr, int32) int32
	closeFunc    = func(*libc.TLS, uintptr) int32
)

// registerFaultLayer registers a copy of SQLite's own layer that opens files
// through faultOpen.
func registerFaultLayer() {
	tls := libc.NewTLS()
	plainVFS = sqlite3.Xsqlite3_vfs_find(tls, 0)
	layer := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
	v := addressed[sqlite3.Tsqlite3_vfs](layer)
	*v = *addressed[sqlite3.Tsqlite3_vfs](plainVFS)
	name, err := libc.CString(faultVFS)
	if err != nil {
		panic(err)
	}
	v.FzName, v.FpNext = name, 0
	v.FxOpen = addressOf(faultOpen)
	v.FxDelete = addressOf(faultDelete)
	if code := sqlite3.Xsqlite3_vfs_register(tls, layer, 0); code != sqlite3.SQLITE_OK {
		panic(code)
	}
}

func faultOpen(tls *libc.TLS, _, path, file uintptr, flags int32, outFlags uintptr) int32 {
	v := addressed[sqlite3.Tsqlite3_vfs](plainVFS)
	code := asFunction[openFunc](v.FxOpen)(tls, plainVFS, path, file, flags, outFlags)
	if code != sqlite3.SQLITE_OK || path == 0 {
		return code
	}
	name := libc.GoString(path)
	faultMu.Lock()
	defer faultMu.Unlock()
	disk := faultDisks[filepath.Dir(name)]
	if disk == nil {
		return code
	}
	f := addressed[sqlite3.Tsqlite3_file](file)
	h := disk.open(name)
	h.plain = f.FpMethods
	methods := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
	m := addressed[sqlite3.Tsqlite3_io_methods](methods)
	*m = *addressed[sqlite3.Tsqlite3_io_methods](h.plain)
	m.FxWrite = addressOf(faultWrite)
	m.FxTruncate = addressOf(faultTruncate)
	m.FxSync = addressOf(faultSync)
	m.FxClose = addressOf(faultClose)
	f.FpMethods = methods
	faultHandles[file] = h
	return code
}

// faultDelete treats a deletion as durable at once.
func faultDelete(tls *libc.TLS, _, path uintptr, sync int32) int32 {
	name := libc.GoString(path)
	faultMu.Lock()
	disk := faultDisks[filepath.Dir(name)]
	faultMu.Unlock()
	code := asFunction[deleteFunc](addressed[sqlite3.Tsqlite3_vfs](plainVFS).FxDelete)(tls, plainVFS, path, sync)
	if disk != nil && code == sqlite3.SQLITE_OK {
		disk.mu.Lock()
		delete(disk.files, filepath.Base(name))
		disk.mu.Unlock()
	}
	return code
}

// open returns a handle of a file. The content before the first handle is
// durable.
func (d *faultDisk) open(path string) *handle {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(path)
	s := d.files[name]
	if s == nil {
		content, _ := os.ReadFile(path)
		s = &shadow{name: name, durable: content, handles: make(map[*handle]struct{})}
		d.files[name] = s
	}
	h := &handle{disk: d, shadow: s}
	s.handles[h] = struct{}{}
	return h
}

// close removes the handle.
func (h *handle) close() {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	delete(h.shadow.handles, h)
}

func handleOf(file uintptr) (*handle, *sqlite3.Tsqlite3_io_methods) {
	faultMu.Lock()
	defer faultMu.Unlock()
	h := faultHandles[file]
	return h, addressed[sqlite3.Tsqlite3_io_methods](h.plain)
}

func faultWrite(tls *libc.TLS, file, data uintptr, n int32, offset sqlite3.Tsqlite3_int64) int32 {
	h, plain := handleOf(file)
	content := append([]byte{}, unsafe.Slice(addressed[byte](data), int(n))...)
	return h.act("write", change{offset, content}, func(length int) int32 {
		return asFunction[writeFunc](plain.FxWrite)(tls, file, data, int32(length), offset)
	})
}

func faultTruncate(tls *libc.TLS, file uintptr, size sqlite3.Tsqlite3_int64) int32 {
	h, plain := handleOf(file)
	return h.act("truncate", change{offset: size}, func(int) int32 {
		return asFunction[truncateFunc](plain.FxTruncate)(tls, file, size)
	})
}

func faultSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	h, plain := handleOf(file)
	return h.act("sync", change{}, func(int) int32 {
		return asFunction[syncFunc](plain.FxSync)(tls, file, flags)
	})
}

func faultClose(tls *libc.TLS, file uintptr) int32 {
	h, plain := handleOf(file)
	f := addressed[sqlite3.Tsqlite3_file](file)
	libc.Xfree(tls, f.FpMethods)
	f.FpMethods = h.plain
	faultMu.Lock()
	delete(faultHandles, file)
	faultMu.Unlock()
	h.close()
	return asFunction[closeFunc](plain.FxClose)(tls, file)
}
