package skillbox

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// below is what a folder has: {name: text}.
func below(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		found[filepath.ToSlash(name)] = entry.Type().String()
		if entry.Type().IsRegular() {
			text, err := os.ReadFile(path)
			found[filepath.ToSlash(name)] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func unpackBytesOf(archive []byte, dir string) error {
	return unpack(background, bytes.NewReader(archive), dir, 1<<20, 5)
}

func TestUnpack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	moment := time.Unix(1_780_000_000, 0)
	script := file("sub/run.sh", "echo")
	script.Mode, script.ModTime = 0o4777, moment
	long := strings.Repeat("long", 30) + "/" + strings.Repeat("long", 30) // beyond what fits into a plain header
	archive := archiveOf(tar.Header{Name: "sub/", Typeflag: tar.TypeDir, Mode: 0o777}, file("./a.txt", "A"), script, file("a.empty", ""),
		file(long, "L"))
	if err := unpackBytesOf(archive, dir); err != nil {
		t.Fatal(err)
	}
	for name, wanted := range map[string]string{"a.txt": "A", "sub/run.sh": "echo", "a.empty": "", long: "L"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != wanted {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "sub", "run.sh"))
	if err != nil || info.Mode()|0o055 != 0o755 || !info.ModTime().Equal(moment) {
		t.Errorf("%v, %v, %v", info.Mode(), info.ModTime(), err)
	}
	if len(below(t, dir)) != 4+2 {
		t.Errorf("%v", below(t, dir))
	}
	// Again: what is there is replaced.
	if err := unpackBytesOf(archiveOf(file("a.txt", "new")), dir); err != nil || below(t, dir)["a.txt"] != "new" {
		t.Errorf("%v, %v", below(t, dir), err)
	}
}

func TestArchivesThatAreRefused(t *testing.T) {
	good := file("a.txt", "A")
	whole := archiveOf(good)
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-6]++ // its checksum
	for name, archive := range map[string][]byte{
		"above":         archiveOf(good, file("../evil", "x")),
		"absolute":      archiveOf(good, file("/tmp/evil", "x")),
		"further down":  archiveOf(good, file("a/../../evil", "x")),
		"dots only":     archiveOf(good, file("./.", "x")),
		"double slash":  archiveOf(good, file("a//b", "x")),
		"backslash":     archiveOf(good, file(`..\evil`, "x")),
		"control":       archiveOf(good, file("a\x1b[2J", "x")),
		"not UTF-8":     archiveOf(good, file("a\xff", "x")),
		"symlink":       archiveOf(good, tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc"}),
		"hard link":     archiveOf(good, tar.Header{Name: "l", Typeflag: tar.TypeLink, Linkname: "a.txt"}),
		"device":        archiveOf(good, tar.Header{Name: "d", Typeflag: tar.TypeChar}),
		"disk":          archiveOf(good, tar.Header{Name: "d", Typeflag: tar.TypeBlock}),
		"pipe":          archiveOf(good, tar.Header{Name: "p", Typeflag: tar.TypeFifo}),
		"folder above":  archiveOf(good, tar.Header{Name: "../d/", Typeflag: tar.TypeDir}),
		"root folder":   archiveOf(good, tar.Header{Name: "/", Typeflag: tar.TypeDir}),
		"twice":         archiveOf(good, file("./a.txt", "x")),
		"file, folder":  archiveOf(good, file("a.txt/b", "x")),
		"too many":      archiveOf(good, file("1", ""), file("2", ""), file("3", ""), file("4", ""), file("5", "")),
		"too large":     archiveOf(good, file("b", strings.Repeat("x", 1<<20))),
		"damaged":       damaged,
		"ends early":    whole[:len(whole)-9],
		"goes on":       append(bytes.Clone(whole), "more"...),
		"goes on, long": append(bytes.Clone(whole), archiveOf(file("b", strings.Repeat("\000", 1<<20)))...),
		"empty":         {},
		"no archive":    []byte("not an archive"),
	} {
		dir := t.TempDir()
		if err := unpackBytesOf(archive, dir); !errors.Is(err, ErrArchive) || len(below(t, dir)) != 0 {
			t.Errorf("%s: %v, and there is %v", name, err, below(t, dir))
		}
	}
}

// What unpacks to much more than it is must not fill the memory or the time, wherever it is hidden.
func TestABombIsRefused(t *testing.T) {
	entries := make([]tar.Header, 30)
	for i := range entries {
		entries[i] = tar.Header{Name: "d/", Typeflag: tar.TypeDir}
	}
	wants(t, unpackBytesOf(archiveOf(entries...), t.TempDir()), "more than 20 entries")
	long := tar.Header{Name: strings.Repeat("x", 900_000) + "/", Typeflag: tar.TypeDir, Format: tar.FormatPAX}
	wants(t, unpackBytesOf(archiveOf(long, long, long, long, long), t.TempDir()), "larger than 1048576 bytes, unpacked")
}

func TestSparseFilesAreRefused(t *testing.T) {
	header := tar.Header{Name: "a", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"GNU.sparse.major": "1"}}
	_, _, err := checkHeaderOf(&header)
	wants(t, err, "sparse")
	_, _, err = checkHeaderOf(&tar.Header{Name: "a", Typeflag: tar.TypeGNUSparse})
	wants(t, err, "unknown kind")
}

func TestWhatIsInTheFolderAlready(t *testing.T) {
	outside := t.TempDir()
	for name, one := range map[string]struct {
		make func(dir string) error
		has  string
	}{
		"a link on the way":   {func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "sub")) }, "is a symbolic link"},
		"a file on the way":   {func(dir string) error { return os.WriteFile(filepath.Join(dir, "sub"), []byte("x"), 0o600) }, "a file where a folder belongs"},
		"a folder in the way": {func(dir string) error { return os.MkdirAll(filepath.Join(dir, "sub", "b"), 0o700) }, "a folder where a file belongs"},
	} {
		dir := t.TempDir()
		if err := one.make(dir); err != nil {
			t.Fatal(err)
		}
		before := below(t, dir)
		err := unpackBytesOf(archiveOf(file("a.txt", "A"), file("sub/b", "B")), dir)
		wants(t, err, one.has)
		if !errors.Is(err, ErrArchive) || !reflect.DeepEqual(below(t, dir), before) || len(below(t, outside)) != 0 {
			t.Errorf("%s: %v, and there is %v", name, err, below(t, dir))
		}
	}
	// A link of the file's own name is replaced, not followed.
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(outside, "target"), filepath.Join(dir, "a.txt")); err != nil {
		t.Fatal(err)
	}
	if err := unpackBytesOf(archiveOf(file("a.txt", "A")), dir); err != nil || below(t, dir)["a.txt"] != "A" || len(below(t, outside)) != 0 {
		t.Errorf("%v, %v", err, below(t, dir))
	}
}

func TestUnpackingEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(background)
	cancel()
	dir := t.TempDir()
	err := unpack(ctx, bytes.NewReader(archiveOf(file("a.txt", "A"))), dir, 1<<20, 5)
	if !errors.Is(err, context.Canceled) || len(below(t, dir)) != 0 {
		t.Errorf("%v, %v", err, below(t, dir))
	}
}

func TestDownloadsThatAreRefused(t *testing.T) {
	archive := archiveOf(file("a.txt", "A"))
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("X-Tenant-ID") != "" {
			t.Error("the link must be fetched bare")
		}
		w.Write(append(archive, make([]byte, 2<<20)...))
	}, WithTenant("acme"), WithDownloadLimits(100, 5))
	dir := filepath.Join(t.TempDir(), "new")
	for has, result := range map[string]*RunResult{
		"larger than 100 bytes": {FilesURL: client.base + "/x"},
		"files_url must begin":  {FilesURL: "file:///etc/passwd"},
		"is nil":                nil,
	} {
		wants(t, client.DownloadFiles(background, result, dir), has)
	}
	wants(t, client.DownloadFiles(background, &RunResult{FilesURL: client.base}, ""), "the folder is empty")
	if err := client.DownloadFiles(background, &RunResult{}, dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder was made for nothing: %v", err)
	}
}

// skillFolder writes files: {name: text}.
func skillFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func packedBytes(t *testing.T, path string) []byte {
	t.Helper()
	packed, err := pack(path)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.close()
	text := make([]byte, packed.size)
	if _, err := packed.file.ReadAt(text, 0); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestPack(t *testing.T) {
	files := map[string]string{"SKILL.md": "---", "main.sh": "true", "a/b.txt": "B", "a-b": "x", ".hidden": "h", ".git/config": "g",
		"__pycache__/x.pyc": "p", "a/._b.txt": "m", ".DS_Store": "d", "empty": ""}
	dir, other := skillFolder(t, files), skillFolder(t, files)
	if err := os.Chmod(filepath.Join(dir, "main.sh"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(other, "main.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(other, "SKILL.md"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	text := packedBytes(t, dir)
	if !bytes.Equal(text, packedBytes(t, other)) {
		t.Error("the same files make the same bytes")
	}
	archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range archive.File {
		found = append(found, fmt.Sprintf("%s %v", entry.Name, entry.Mode()))
		if moment := entry.Modified.Format(time.DateOnly); moment != "1980-01-01" || len(entry.Extra) != 0 {
			t.Errorf("%s: %s, %x", entry.Name, moment, entry.Extra)
		}
	}
	wanted := []string{".hidden -rw-r--r--", "SKILL.md -rw-r--r--", "a-b -rw-r--r--", "a/b.txt -rw-r--r--", "empty -rw-r--r--", "main.sh -rwxr-xr-x"}
	if !reflect.DeepEqual(found, wanted) {
		t.Errorf("%q", found)
	}
	path := filepath.Join(t.TempDir(), "skill.zip")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(packedBytes(t, path), text) {
		t.Error("a zip is taken as it is")
	}
}

func TestFoldersThatAreNoSkill(t *testing.T) {
	linked := skillFolder(t, map[string]string{"SKILL.md": ""})
	if err := os.Symlink("/etc/passwd", filepath.Join(linked, "secret")); err != nil {
		t.Fatal(err)
	}
	client := New("http://127.0.0.1:1", "k")
	for has, path := range map[string]string{
		"no such file":                  filepath.Join(t.TempDir(), "none"),
		"has no SKILL.md":               skillFolder(t, map[string]string{"sub/SKILL.md": "", "main.sh": ""}),
		"secret is a symbolic link":     linked,
		"is neither a folder nor a fil": os.DevNull,
	} {
		_, err := client.RegisterSkill(background, path)
		wants(t, err, has)
		if errors.Is(err, ErrConnection) {
			t.Errorf("%v", err)
		}
	}
	_, err := client.ValidateSkill(background, "")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestNothingIsLeftInTheTemporaryFolder(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			w.Write(archiveOf(file("a.txt", "A")))
			return
		}
		fmt.Fprint(w, `{"name":"greet","version":"1.0.0"}`)
	})
	skill, err := client.RegisterSkill(background, skillFolder(t, map[string]string{"SKILL.md": "x"}))
	if err != nil || skill.Mode != "executable" {
		t.Errorf("%v, %v", skill, err)
	}
	if err := client.DownloadFiles(background, &RunResult{FilesURL: client.base}, t.TempDir()); err != nil {
		t.Error(err)
	}
	if left := below(t, temporary); len(left) != 0 {
		t.Errorf("%v", left)
	}
}

func TestAnEmptyZipIsSent(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 || len(r.TransferEncoding) != 0 {
			t.Errorf("%d, %v", r.ContentLength, r.TransferEncoding)
		}
		w.WriteHeader(400)
		fmt.Fprint(w, `{"error":"bad_request","message":"empty zip data"}`)
	})
	path := filepath.Join(t.TempDir(), "empty.zip")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := client.RegisterSkill(background, path)
	wants(t, err, "empty zip data")
}

func TestDeletingAndReadingSkills(t *testing.T) {
	calls := 0
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		w.WriteHeader(404)
		fmt.Fprint(w, `{"error":"not_found","message":"skill not found"}`)
	})
	wants(t, client.DeleteSkill(background, "greet", ""), "the version must be given")
	if calls != 0 {
		t.Error("nothing must be asked for")
	}
	if err := client.DeleteSkill(background, "greet", "1.0.0"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	for _, text := range []string{`{}`, `[{}]`, `[null]`, `null`, `[{"name":"x"}]`} {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, text) })
		if _, err := client.ListSkills(background); !errors.Is(err, ErrServer) {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := client.GetSkill(background, "x", ""); !errors.Is(err, ErrServer) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
