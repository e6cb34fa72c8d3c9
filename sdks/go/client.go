package skillbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Version is this module's.
const Version = "0.1.0"

const (
	defaultURL        = "http://localhost:8080"
	defaultMaxRetries = 2

	// The server closes idle connections after 75 s.
	idleTime, idleConnections = 60 * time.Second, 10

	unpackBytes, unpackFiles = 4 << 30, 20_000
)

// A Client speaks to a Skillbox server. It may be shared by goroutines.
type Client struct {
	base       string // without a slash at its end
	key        string
	tenant     string
	http       *http.Client
	maxRetries int
	maxBytes   int64
	maxFiles   int
	err        error // what is wrong with the arguments of New: every call says it
}

// An Option is for [New].
type Option func(*Client)

// WithTenant names the tenant, which the server checks against the key's. It isn't needed.
func WithTenant(tenant string) Option { return func(c *Client) { c.tenant = tenant } }

// WithHTTPClient makes requests by that client: its transport (proxies, TLS), cookie jar and timeout. A Timeout there
// is for each attempt, and cuts followed logs and long runs: better give the context a deadline. Redirects are never
// followed, so that the key goes nowhere else.
func WithHTTPClient(client *http.Client) Option {
	return func(c *Client) {
		if client != nil {
			c.http = client
		}
	}
}

// WithMaxRetries says how often a call is tried again, after lost connections and the answers 429, 502, 503 and 504.
// The default is 2; 0: never.
func WithMaxRetries(n int) Option { return func(c *Client) { c.maxRetries = n } }

// WithDownloadLimits bounds what [Client.DownloadFiles] takes: bytes, unpacked, and files. The default is 4 GiB and
// 20,000.
func WithDownloadLimits(maxBytes int64, maxFiles int) Option {
	return func(c *Client) { c.maxBytes, c.maxFiles = maxBytes, maxFiles }
}

// New makes a client. An empty baseURL means SKILLBOX_SERVER_URL from the environment, else http://localhost:8080; an
// empty apiKey SKILLBOX_API_KEY. If an argument can't be used, every call of the client returns an error that says so.
func New(baseURL, apiKey string, opts ...Option) *Client {
	c := &Client{maxRetries: defaultMaxRetries, maxBytes: unpackBytes, maxFiles: unpackFiles}
	for _, option := range opts {
		option(c)
	}
	if c.http == nil {
		c.http = &http.Client{Transport: newTransport()}
	} else {
		own := *c.http
		c.http = &own
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.err = c.configure(baseURL, apiKey)
	return c
}

func newTransport() http.RoundTripper {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second}
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = standard.Clone()
	}
	transport.IdleConnTimeout = idleTime
	transport.MaxIdleConnsPerHost = idleConnections
	return transport
}

func (c *Client) configure(baseURL, apiKey string) error {
	text := strings.TrimSpace(first(baseURL, os.Getenv("SKILLBOX_SERVER_URL"), defaultURL))
	base, err := parseURL(text, "the base URL")
	if err != nil {
		return err
	}
	if base.User != nil || base.RawQuery != "" || base.ForceQuery || base.Fragment != "" {
		return badArgument("the base URL must have no user, query or fragment; the key is New's second argument")
	}
	c.base = strings.TrimRight(text, "/")
	c.key = strings.TrimSpace(first(apiKey, os.Getenv("SKILLBOX_API_KEY")))
	if err := checkHeader(c.key, "the API key", 4096); err != nil {
		return err
	}
	if err := checkHeader(c.tenant, "the tenant", 256); err != nil {
		return err
	}
	if c.maxRetries < 0 {
		return badArgument("WithMaxRetries(%d): it must be 0 or more", c.maxRetries)
	}
	if c.maxBytes <= 0 || c.maxFiles <= 0 {
		return badArgument("WithDownloadLimits(%d, %d): both must be above 0", c.maxBytes, c.maxFiles)
	}
	return nil
}

// String is the server's URL: the key must not get into logs.
func (c *Client) String() string { return fmt.Sprintf("skillbox.Client(%s)", c.base) }

// GoString is the same for %#v.
func (c *Client) GoString() string { return c.String() }

// Close closes the connections that are kept open. A later call opens new ones.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Health says whether the server lives. It needs no key.
func (c *Client) Health(ctx context.Context) error {
	var health struct {
		Status string `json:"status"`
	}
	err := c.ask(ctx, call{method: http.MethodGet, path: "/health", bare: true, silence: silentTime}, func(body []byte) error {
		if err := decode(body, &health); err != nil {
			return err
		}
		if health.Status != "ok" {
			return fmt.Errorf("'status' is '%s', not 'ok'", health.Status)
		}
		return nil
	})
	return err
}

func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}

// parseURL takes http and https only; its errors name the URL without user and password.
func parseURL(text, what string) (*url.URL, error) {
	shown := text[strings.LastIndex(text, "@")+1:]
	parsed, err := url.Parse(text)
	if err != nil {
		var problem *url.Error
		if errors.As(err, &problem) {
			err = problem.Err
		}
		return nil, badArgument("%s is not a URL: '%s': %v", what, shown, err)
	}
	if parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" {
		return nil, badArgument("%s must begin with http:// or https:// and a host, like %s; it is '%s'", what, defaultURL, shown)
	}
	if !isVisible(text) {
		return nil, badArgument("%s has a blank, or a character that is not ASCII: '%s'", what, shown)
	}
	return parsed, nil
}

func isVisible(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// checkHeader doesn't show the value: it may be a secret.
func checkHeader(value, what string, longest int) error {
	if len(value) > longest || !isVisible(value) {
		return badArgument("%s must be printable ASCII without blanks, at most %d characters", what, longest)
	}
	return nil
}

const upperHex = "0123456789ABCDEF"

// segment escapes a part of a path: all but what is never special.
func segment(value, what string) (string, error) {
	if value == "" || value == "." || value == ".." {
		return "", badArgument("%s must not be '%s'", what, value)
	}
	var out strings.Builder
	for i := 0; i < len(value); i++ {
		b := value[i]
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("-._~", b) >= 0 {
			out.WriteByte(b)
		} else {
			out.Write([]byte{'%', upperHex[b>>4], upperHex[b&15]})
		}
	}
	return out.String(), nil
}
