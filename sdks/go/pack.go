package skillbox

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"
)

// Against packing a wrong folder: the server's own limits are lower.
const packFiles, packBytes = 20_000, 4 << 30

var leftOut = map[string]bool{".git": true, ".hg": true, ".svn": true, "__pycache__": true, "__MACOSX": true,
	".DS_Store": true, "Thumbs.db": true}

// packed is a zip that is ready to be sent.
type packed struct {
	file      *os.File
	size      int64
	temporary bool
}

func (p *packed) close() {
	p.file.Close()
	if p.temporary {
		os.Remove(p.file.Name())
	}
}

// pack opens the zip that is there, or makes one of the folder: the same bytes for the same files.
func pack(path string) (*packed, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("skillbox: the skill: %w", err)
	}
	if info.IsDir() {
		return packFolder(path)
	}
	if !info.Mode().IsRegular() {
		return nil, badArgument("%s is neither a folder nor a file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("skillbox: the skill: %w", err)
	}
	return &packed{file, info.Size(), false}, nil
}

func packFolder(folder string) (*packed, error) {
	entries, err := walk(folder)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp("", "skillbox-*.zip")
	if err != nil {
		return nil, fmt.Errorf("skillbox: no place to pack the skill: %w", err)
	}
	p := &packed{file, 0, true}
	if err := writeZip(file, entries); err != nil {
		p.close()
		return nil, fmt.Errorf("skillbox: packing %s: %w", folder, err)
	}
	if p.size, err = file.Seek(0, io.SeekEnd); err != nil {
		p.close()
		return nil, fmt.Errorf("skillbox: packing %s: %w", folder, err)
	}
	return p, nil
}

type packEntry struct {
	name, path string
	executable bool
}

// walk gives the files of a folder in the order of their names.
func walk(folder string) ([]packEntry, error) {
	var found []packEntry
	var size int64
	hasManifest := false
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		if err != nil || relative == "." {
			return err
		}
		if name := entry.Name(); leftOut[name] || strings.HasPrefix(name, "._") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		if !entry.Type().IsRegular() {
			kind := "no regular file"
			if entry.Type()&fs.ModeSymlink != 0 {
				kind = "a symbolic link"
			}
			return badArgument("%s is %s: a skill has regular files only; put a copy there", path, kind)
		}
		name := filepath.ToSlash(relative)
		if !utf8.ValidString(name) {
			return badArgument("%q: a skill's files must have names in UTF-8", path)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		hasManifest = hasManifest || strings.EqualFold(name, "SKILL.md")
		found = append(found, packEntry{name, path, info.Mode()&0o100 != 0})
		size += info.Size()
		if len(found) > packFiles || size > packBytes {
			return badArgument("%s has more than %d files or %d bytes: is it the skill's folder?", folder, packFiles, int64(packBytes))
		}
		return nil
	})
	if err != nil {
		if _, ours := err.(argumentError); !ours {
			err = fmt.Errorf("skillbox: packing %s: %w", folder, err)
		}
		return nil, err
	}
	if !hasManifest {
		return nil, badArgument("%s has no SKILL.md: is it the skill's folder?", folder)
	}
	sort.Slice(found, func(i, j int) bool { return found[i].name < found[j].name })
	return found, nil
}

func writeZip(out io.Writer, entries []packEntry) error {
	archive := zip.NewWriter(out)
	for _, entry := range entries {
		if err := writeEntry(archive, entry); err != nil {
			return err
		}
	}
	return archive.Close()
}

func writeEntry(archive *zip.Writer, entry packEntry) error {
	source, err := os.Open(entry.path)
	if err != nil {
		return err
	}
	defer source.Close()
	header := &zip.FileHeader{Name: entry.name, Method: zip.Deflate}
	header.ModifiedDate = 1<<5 | 1 // 1 January 1980, and no other time beside it
	header.SetMode(0o644)
	if entry.executable {
		header.SetMode(0o755)
	}
	target, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return err
}
