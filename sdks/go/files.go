package skillbox

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"unicode/utf8"
)

// DownloadFiles puts the files of an execution into a folder, which is made if it isn't there; files of the same names
// are replaced. Nothing is written outside of the folder, no link is made or followed, and a bad archive
// ([ErrArchive]) leaves nothing behind. If the execution has no files, nothing happens.
func (c *Client) DownloadFiles(ctx context.Context, result *RunResult, dir string) error {
	if c.err != nil {
		return c.err
	}
	if result == nil {
		return badArgument("DownloadFiles: the result is nil")
	}
	if dir == "" {
		return badArgument("DownloadFiles: the folder is empty; use \".\" for the current one")
	}
	if !result.HasFiles() {
		return nil
	}
	file, err := os.CreateTemp("", "skillbox-*.tar.gz")
	if err != nil {
		return fmt.Errorf("skillbox: no place for the files: %w", err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := c.fetchFiles(ctx, result, file); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return unpack(ctx, file, dir, c.maxBytes, c.maxFiles)
}

func (c *Client) fetchFiles(ctx context.Context, result *RunResult, file *os.File) error {
	link := result.FilesURL
	if link == "" {
		fresh, err := c.GetExecution(ctx, result.ExecutionID)
		if err != nil {
			return err
		}
		link = fresh.FilesURL
	}
	err := c.fetch(ctx, link, file)
	if !errors.Is(err, ErrAuthentication) && !errors.Is(err, ErrPermissionDenied) || result.ExecutionID == "" {
		return err
	}
	fresh, unread := c.GetExecution(ctx, result.ExecutionID) // links are good for an hour
	if unread != nil {
		return unread
	}
	if fresh.FilesURL == "" {
		return err
	}
	return c.fetch(ctx, fresh.FilesURL, file)
}

// fetch gets a signed link, without key and tenant.
func (c *Client) fetch(ctx context.Context, link string, file *os.File) error {
	if _, err := parseURL(link, "files_url"); err != nil {
		return err
	}
	request := &call{method: http.MethodGet, path: link, isURL: true, bare: true, silence: silentTime}
	return c.attempts(ctx, request, retry{}, func(s *stream) error {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := file.Truncate(0); err != nil {
			return err
		}
		n, err := io.Copy(file, io.LimitReader(s, c.maxBytes+errorBytes+1))
		if err == nil && n > c.maxBytes+errorBytes {
			err = badArchive("the files are larger than %d bytes", c.maxBytes)
		}
		return err
	})
}

// unpack unpacks everything aside first. So a bad archive leaves nothing, and each file appears whole.
func unpack(ctx context.Context, source io.Reader, dir string, maxBytes int64, maxFiles int) (err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("skillbox: the folder for the files: %w", err)
	}
	aside, err := os.MkdirTemp(dir, ".skillbox-")
	if err != nil {
		return fmt.Errorf("skillbox: the folder for the files: %w", err)
	}
	defer os.RemoveAll(aside)
	archive := &archiveReader{ctx: ctx, maxBytes: maxBytes, maxFiles: maxFiles}
	staged, err := archive.stage(source, aside)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(staged))
	for name := range staged {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := checkPlace(dir, name, staged); err != nil {
			return err
		}
	}
	for _, name := range names {
		target := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
			return fmt.Errorf("skillbox: unpacking: %w", err)
		}
		if err := os.Rename(staged[name], target); err != nil {
			return fmt.Errorf("skillbox: unpacking: %w", err)
		}
	}
	return nil
}

// archiveReader takes the regular files out of a gzip tar. Anything but files and folders is an ArchiveError.
type archiveReader struct {
	ctx      context.Context
	maxBytes int64
	maxFiles int
	source   io.Reader // unpacked, and bounded
	left     int64
}

// Read gives what gzip gives, up to a bound that no good archive reaches.
func (a *archiveReader) Read(piece []byte) (int, error) {
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := a.source.Read(piece)
	if a.left -= int64(n); a.left < 0 {
		return 0, badArchive("the archive is larger than %d bytes, unpacked", a.maxBytes)
	}
	return n, err
}

// stage puts the files into a folder under numbers: {name: path}.
func (a *archiveReader) stage(source io.Reader, aside string) (map[string]string, error) {
	unzipped, err := gzip.NewReader(source)
	if err != nil {
		return nil, a.damaged(err)
	}
	a.source, a.left = unzipped, a.maxBytes+4096*int64(a.maxFiles)+errorBytes
	archive, staged, entries, total := tar.NewReader(a), map[string]string{}, 0, int64(0)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return staged, a.end()
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // names are looked at below
			return nil, a.damaged(err)
		}
		if entries++; entries > 4*a.maxFiles {
			return nil, badArchive("the archive has more than %d entries", 4*a.maxFiles)
		}
		name, isFile, err := checkHeaderOf(header)
		if err != nil {
			return nil, err
		}
		if !isFile {
			continue
		}
		if _, twice := staged[name]; twice {
			return nil, badArchive("the archive has a name twice: %q", name)
		}
		if len(staged) == a.maxFiles {
			return nil, badArchive("the archive has more than %d files", a.maxFiles)
		}
		if total += header.Size; header.Size < 0 || header.Size > a.maxBytes || total > a.maxBytes {
			return nil, badArchive("the files are larger than %d bytes", a.maxBytes)
		}
		path := filepath.Join(aside, fmt.Sprint(len(staged)))
		if err := a.write(archive, header, path); err != nil {
			return nil, err
		}
		staged[name] = path
	}
}

func (a *archiveReader) write(archive *tar.Reader, header *tar.Header, path string) error {
	mode := fs.FileMode(0o644)
	if header.Mode&0o100 != 0 {
		mode = 0o755
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("skillbox: unpacking: %w", err)
	}
	defer out.Close()
	var onDisk *fs.PathError
	if _, err := io.Copy(out, archive); errors.As(err, &onDisk) {
		return fmt.Errorf("skillbox: unpacking: %w", err)
	} else if err != nil {
		return a.damaged(err)
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("skillbox: unpacking: %w", err)
	}
	_ = os.Chtimes(path, header.ModTime, header.ModTime) // perhaps a time that this file system can't keep
	return nil
}

// end reads to the last byte, so that the checksum is looked at.
func (a *archiveReader) end() error {
	n, err := io.Copy(io.Discard, io.LimitReader(a, errorBytes))
	if err != nil {
		return a.damaged(err)
	}
	if n == errorBytes {
		return badArchive("the archive goes on after its end")
	}
	return nil
}

func (a *archiveReader) damaged(err error) error {
	var ours *ArchiveError
	if errors.As(err, &ours) {
		return ours
	}
	if a.ctx.Err() != nil {
		return a.ctx.Err()
	}
	return badArchive("the archive is damaged: %v", err)
}

var refusedKinds = map[byte]string{tar.TypeLink: "a hard link", tar.TypeSymlink: "a symbolic link", tar.TypeChar: "a device",
	tar.TypeBlock: "a device", tar.TypeFifo: "a pipe"}

// checkHeaderOf gives an entry's safe name, and whether it is a file.
func checkHeaderOf(header *tar.Header) (name string, isFile bool, err error) {
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse") {
			return "", false, badArchive("the archive has a sparse file: %q", header.Name)
		}
	}
	switch header.Typeflag {
	case tar.TypeXGlobalHeader:
		return "", false, nil
	case tar.TypeDir:
		_, err := checkName(strings.TrimRight(header.Name, "/"))
		return "", false, err
	case tar.TypeReg:
		name, err := checkName(header.Name)
		return name, true, err
	}
	kind := refusedKinds[header.Typeflag]
	if kind == "" {
		kind = "an entry of an unknown kind"
	}
	return "", false, badArchive("the archive has %s: %q", kind, header.Name)
}

var (
	notPlain      = regexp.MustCompile(`[\\\x00-\x1f\x7f]`)
	notOnWindows  = regexp.MustCompile(`[<>:"|?*]|[ .]$`)
	windowsDevice = regexp.MustCompile(`(?i)^(CON|PRN|AUX|NUL|(COM|LPT)[0-9\xb9\xb2\xb3]) *(\.|$)`)
)

// checkName gives the name without its "." parts if it is a safe relative path.
func checkName(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", badArchive("the archive has a name that is not UTF-8: %q", text)
	}
	var parts []string
	for _, part := range strings.Split(text, "/") {
		if part == "" || part == ".." || notPlain.MatchString(part) {
			return "", badArchive("the archive has a name that leaves the folder or isn't plain: %q", text)
		}
		if runtime.GOOS == "windows" && part != "." && (notOnWindows.MatchString(part) || windowsDevice.MatchString(part)) {
			return "", badArchive("the archive has a name that Windows can't keep: %q", text)
		}
		if part != "." {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return "", badArchive("the archive has a name that leaves the folder or isn't plain: %q", text)
	}
	return strings.Join(parts, "/"), nil
}

// checkPlace says whether what is in the folder already leads out of it, or is in the way.
func checkPlace(dir, name string, staged map[string]string) error {
	parts := strings.Split(name, "/")
	here := dir
	for depth, part := range parts[:len(parts)-1] {
		here = filepath.Join(here, part)
		if above := strings.Join(parts[:depth+1], "/"); staged[above] != "" {
			return badArchive("the archive has a file and a folder of one name: %q", above)
		}
		info, err := os.Lstat(here)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("skillbox: unpacking: %w", err)
		case info.Mode()&fs.ModeSymlink != 0:
			return badArchive("%s is a symbolic link: files are not written through it; remove it or choose another folder", here)
		case !info.IsDir():
			return badArchive("%s is a file where a folder belongs: remove it or choose another folder", here)
		}
	}
	here = filepath.Join(here, parts[len(parts)-1])
	if info, err := os.Lstat(here); err == nil && info.IsDir() {
		return badArchive("%s is a folder where a file belongs: remove it or choose another folder", here)
	}
	return nil
}
