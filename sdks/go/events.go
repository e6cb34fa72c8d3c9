package skillbox

import (
	"bytes"
	"strings"
)

// eventParser takes a stream of server-sent events apart.
type eventParser struct {
	rest    []byte // what is not yet a line
	scanned int    // of rest, known to have no end of a line
	afterCR bool   // an LF that comes next belongs to the end of the line before
	event   string
	data    strings.Builder
	hasData bool
}

func (p *eventParser) feed(piece []byte) { p.rest = append(p.rest, piece...) }

// size is how much it holds.
func (p *eventParser) size() int { return len(p.rest) + p.data.Len() }

// next gives an event once it is whole.
func (p *eventParser) next() (event, data string, ok bool) {
	for {
		line, whole := p.line()
		if !whole {
			return "", "", false
		}
		if len(line) > 0 {
			p.field(line)
			continue
		}
		event, data, ok = p.event, p.data.String(), p.hasData
		p.event, p.hasData = "", false
		p.data.Reset()
		if event == "" {
			event = "message"
		}
		if ok {
			return event, data, true
		}
	}
}

// line takes the next line, which ends with LF, CR LF or CR. It is valid until the next feed.
func (p *eventParser) line() ([]byte, bool) {
	if p.afterCR && len(p.rest) > 0 {
		p.afterCR = false
		if p.rest[0] == '\n' {
			p.rest = p.rest[1:]
		}
	}
	end := bytes.IndexAny(p.rest[p.scanned:], "\r\n")
	if end < 0 {
		p.scanned = len(p.rest)
		return nil, false
	}
	end += p.scanned
	line := p.rest[:end]
	p.afterCR = p.rest[end] == '\r'
	p.rest, p.scanned = p.rest[end+1:], 0
	return line, true
}

func (p *eventParser) field(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "event":
		p.event = string(value)
	case "data":
		if p.hasData {
			p.data.WriteByte('\n')
		}
		p.hasData = true
		p.data.Write(value)
	}
}
