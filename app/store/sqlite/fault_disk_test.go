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
// have writes and syncs fail, and it knows what of the files would be there
// after a power cut: what was synced, and of the rest any part.
type faultDisk struct {
	dir string

	mu    sync.Mutex
	files map[string]*shadow
	// rule, where set, decides about each operation. It is called with mu held.
	rule func(op diskOp) diskFault
}

// diskOp is a write, truncate or sync of a file, named without its directory.
type diskOp struct {
	kind string
	file string
}

// diskFault is how an operation fails; code 0 is not at all. Of a torn write
// the first half reaches the file.
type diskFault struct {
	code int32
	torn bool
}

// shadow is what is known of one file.
type shadow struct {
	name    string
	durable []byte
	pending []change // since the last sync
	handles map[*handle]struct{}
}

// change is a write, or a truncation where data is nil.
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

// The layer is registered with SQLite once; disks and open files are found by
// directory and by the address of SQLite's handle.
const faultVFS = "faultdisk"

var (
	faultLayer   sync.Once
	faultMu      sync.Mutex
	faultDisks   = make(map[string]*faultDisk)
	faultHandles = make(map[uintptr]*handle)
	plainVFS     uintptr
)

// handle is one open file of SQLite's.
type handle struct {
	disk   *faultDisk
	shadow *shadow
	plain  uintptr // the methods of SQLite's own layer
	// unheard is how a sync through another handle failed: each that was open
	// then hears of it, once.
	unheard int32
}

// errFault is what a faultFile fails with.
var errFault = errors.New("the disk fails")

// after puts what is left of d when its process is killed below the directory
// of path: what the system still shows of the files, of which no more is on the
// disk than before.
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

// image returns the files as they might be after a power cut now.
func (d *faultDisk) imageLocked(random *rand.Rand) map[string][]byte {
	const sector = 512
	files := make(map[string][]byte)
	for name, s := range d.files {
		content := append([]byte(nil), s.durable...)
		for _, c := range s.pending {
			switch random.IntN(4) {
			case 0: // lost
			case 1: // some of its sectors are lost
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

// act asks the rule about an operation and remembers what it does. run does
// it on the real file.
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
		// As Linux does: what was not written is forgotten, and the next sync
		// succeeds without it. It is still seen by who reads the file.
		s.pending = nil
		for other := range s.handles {
			other.unheard = fault.code
		}
		h.unheard = 0
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
		code, h.unheard = h.unheard, 0
	default:
		s.pending = append(s.pending, c)
	}
	return code
}

// openLog is Tuning.OpenLog: it opens the file through d.
func (d *faultDisk) openLog(path string) (sqlite.WALFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &faultFile{file, d.open(path)}, nil
}

// faultFile is a file that is not SQLite's.
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

// addressed is a pointer to what SQLite has at an address.
func addressed[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// asFunction is a C function at an address.
func asFunction[F any](address uintptr) F { return *(*F)(unsafe.Pointer(&address)) }

// addressOf is the address of a function for SQLite to call.
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

// registerFaultLayer makes a copy of SQLite's own layer that opens files
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

// faultDelete takes a deletion for durable at once.
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

// open returns a handle of a file. What was there before the first of them is
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

// close ends the life of a handle.
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
