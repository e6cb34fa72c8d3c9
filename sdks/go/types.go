package skillbox

import (
	"encoding/json"
	"time"
)

// States of an execution.
const (
	StatusPending   = "pending"
	StatusRunning   = "running"
	StatusSuccess   = "success"
	StatusFailed    = "failed"
	StatusTimeout   = "timeout"
	StatusCancelled = "cancelled"
)

// A RunRequest says what to run.
type RunRequest struct {
	// Skill is the skill's name.
	Skill string
	// Version is the skill's version; empty: the latest.
	Version string
	// Input is what the skill gets: anything that encoding/json can encode, or a [json.RawMessage], which is sent as
	// it stands, byte for byte. nil: {}.
	Input any
	// Env has more environment variables for the script.
	Env map[string]string
	// Timeout is after what time the run itself is ended; it can only shorten the skill's own. How long to wait for
	// the result is the context's.
	Timeout time.Duration
	// IdempotencyKey: the same key within 24 hours gives the same execution. Empty: one is made for this call.
	IdempotencyKey string
	// OnLog is called by Run with each line of the log while the skill runs. If it returns an error, Run returns
	// that; the execution goes on.
	OnLog func(line string) error
}

// A RunResult is what came of a run, or of one that still goes on (pending or running).
type RunResult struct {
	ExecutionID string `json:"execution_id"`
	Status      string `json:"status"`
	// Output is the skill's output as JSON text, byte for byte as the server sent it; nil if there is none.
	Output json.RawMessage `json:"output,omitempty"`
	// FilesList has the relative paths of the files that [Client.DownloadFiles] gives.
	FilesList     []string `json:"files_list,omitempty"`
	FilesURL      string   `json:"files_url,omitempty"`
	Logs          string   `json:"logs,omitempty"`
	LogsTruncated bool     `json:"logs_truncated,omitempty"` // the middle is left out
	ExitCode      *int     `json:"exit_code,omitempty"`      // nil if the process did not end by itself
	DurationMS    int64    `json:"duration_ms,omitempty"`    // of the run itself; 0 until it ended
	Timings       Timings  `json:"timings"`                  // zero until it ended
	Warm          bool     `json:"warm,omitempty"`           // a sandbox that already waited was used
	Reason        string   `json:"reason,omitempty"`         // pending: why it waits, in a word
	Message       string   `json:"message,omitempty"`        // pending: why it waits, for people
	Isolation     []Layer  `json:"isolation,omitempty"`
	Error         string   `json:"error,omitempty"` // empty on success
	ErrorCode     string   `json:"error_code,omitempty"`
}

// HasFiles says whether there is something for [Client.DownloadFiles].
func (r *RunResult) HasFiles() bool { return len(r.FilesList) > 0 || r.FilesURL != "" }

// Ended says whether nothing will change any more.
func (r *RunResult) Ended() bool {
	switch r.Status {
	case StatusSuccess, StatusFailed, StatusTimeout, StatusCancelled:
		return true
	}
	return false
}

// Succeeded says whether the skill ran and did well.
func (r *RunResult) Succeeded() bool { return r.Status == StatusSuccess }

// Err is a [*SkillFailedError] if the run failed, timed out or was cancelled; else nil.
func (r *RunResult) Err() error {
	if r.Ended() && !r.Succeeded() {
		return &SkillFailedError{r}
	}
	return nil
}

// Timings are milliseconds.
type Timings struct {
	Queue   float64 `json:"queue"`   // until a sandbox was asked for
	Sandbox float64 `json:"sandbox"` // until there was one
	Start   float64 `json:"start"`   // until the script began
	Run     float64 `json:"run"`
	Collect float64 `json:"collect"` // output, files and log
	Total   float64 `json:"total"`
}

// A Layer is one of the layers of isolation that a run was behind.
type Layer struct {
	Name   string `json:"name"`
	Active bool   `json:"active"`
	Detail string `json:"detail"`
}

// An Execution is the record of an execution.
type Execution struct {
	RunResult
	SkillName    string          `json:"skill_name,omitempty"`
	SkillVersion string          `json:"skill_version,omitempty"`
	TenantID     string          `json:"tenant_id,omitempty"`
	CreatedAt    time.Time       `json:"created_at"`
	StartedAt    time.Time       `json:"started_at"`      // zero until it started
	FinishedAt   time.Time       `json:"finished_at"`     // zero until it ended
	Input        json.RawMessage `json:"input,omitempty"` // byte for byte
	SkillDigest  string          `json:"skill_digest,omitempty"`
	Image        string          `json:"image,omitempty"`
}

// ListOptions say which executions [Client.Executions] gives. The zero value: all.
type ListOptions struct {
	Skill  string // of this skill
	Status string // in this state
	Limit  int    // how many are asked for at once, at most 200; 0: 50
}

// A Skill is a version of a skill, as [Client.ListSkills] and [Client.RegisterSkill] give it.
type Skill struct {
	Name        string    `json:"name"`
	Version     string    `json:"version"`
	Description string    `json:"description"`
	Lang        string    `json:"lang"`
	Digest      string    `json:"digest"`
	UploadedAt  time.Time `json:"uploaded_at"`
	Mode        string    `json:"mode"` // executable, or instructions: nothing to run
	Status      string    `json:"status,omitempty"`
}

// A SkillDetail is a version of a skill with all that the server tells of it.
type SkillDetail struct {
	Skill
	Image        string            `json:"image"`
	Instructions string            `json:"instructions"`
	Timeout      string            `json:"timeout"`
	Resources    map[string]string `json:"resources"`
	InputSchema  json.RawMessage   `json:"input_schema,omitempty"`  // nil if there is none
	OutputSchema json.RawMessage   `json:"output_schema,omitempty"` // nil if there is none
	Size         int64             `json:"size"`
}

// A Validation is what the server says of a skill that was not stored.
type Validation struct {
	Valid    bool     `json:"valid"`
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Problems []string `json:"problems"`
	Warnings []string `json:"warnings"`
}
