package skillbox

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serve makes a client of a server that the test plays.
func serve(t *testing.T, handler http.HandlerFunc, opts ...Option) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	client := New(server.URL, "sk-test", opts...)
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return client
}

// archiveOf is a gzip tar of entries; without a kind they are files.
func archiveOf(entries ...tar.Header) []byte {
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	archive := tar.NewWriter(packed)
	for _, header := range entries {
		text := header.Linkname
		if header.Typeflag == 0 {
			header.Typeflag, header.Linkname, header.Size = tar.TypeReg, "", int64(len(text))
		}
		if header.Mode == 0 {
			header.Mode = 0o644
		}
		if err := archive.WriteHeader(&header); err != nil {
			panic(err)
		}
		if header.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(archive, text); err != nil {
				panic(err)
			}
		}
	}
	if archive.Close() != nil || packed.Close() != nil {
		panic("closing")
	}
	return out.Bytes()
}

var quiet = log.New(io.Discard, "", 0)

// file is an entry of archiveOf.
func file(name, text string) tar.Header { return tar.Header{Name: name, Linkname: text} }

// exampleServer has the skills of the examples.
func exampleServer() http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, format string, values ...any) { fmt.Fprintf(w, format, values...) }
	mux.HandleFunc("POST /v1/executions", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Skill string
			Input json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			panic(err)
		}
		switch asked.Skill {
		case "greet":
			answer(w, `{"execution_id":"1","status":"success","output":{"greeting":"Hello, World!"},"error":null}`)
		case "echo":
			var out bytes.Buffer
			if err := json.Compact(&out, asked.Input); err != nil {
				panic(err)
			}
			answer(w, `{"execution_id":"1","status":"success","output":%s,"error":null}`, out.String())
		case "report":
			answer(w, `{"execution_id":"1","status":"success","files_url":"http://%s/files","files_list":["report.md"],"error":null}`, r.Host)
		case "broken":
			answer(w, `{"execution_id":"1","status":"failed","exit_code":1,"error":"container exited with code 1","error_code":"exit_nonzero"}`)
		default:
			w.WriteHeader(404)
			answer(w, `{"error":"not_found","message":"skill not found: %s@latest","request_id":"r"}`, asked.Skill)
		}
	})
	mux.HandleFunc("GET /files", func(w http.ResponseWriter, r *http.Request) {
		if _, err := w.Write(archiveOf(file("report.md", "# March"))); err != nil {
			panic(err)
		}
	})
	mux.HandleFunc("GET /v1/executions/1", func(w http.ResponseWriter, r *http.Request) {
		answer(w, `{"execution_id":"1","status":"success","error":null}`)
	})
	mux.HandleFunc("GET /v1/executions/1/logs", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		answer(w, "data: greeting World\n\ndata: done\n\nevent: end\ndata: {}\n\n")
	})
	mux.HandleFunc("GET /v1/executions", func(w http.ResponseWriter, r *http.Request) {
		one := `{"execution_id":"%s","status":"success","skill_name":"%s","error":null,"created_at":"2026-11-30T10:00:00.000Z"}`
		if r.URL.Query().Get("cursor") == "" {
			answer(w, `{"executions":[`+one+`],"next":"more"}`, "1", "greet")
		} else {
			answer(w, `{"executions":[`+one+`]}`, "2", "report")
		}
	})
	return mux
}

func wants(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("the error is %v; it should have %q", err, part)
	}
}
