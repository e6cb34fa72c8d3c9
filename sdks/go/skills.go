package skillbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// RegisterSkill uploads a skill: its folder (with a SKILL.md), or a zip. Left out of a folder: .git, .hg, .svn,
// __pycache__, __MACOSX, .DS_Store, Thumbs.db, ._*. It can be run at once, and is the latest version.
func (c *Client) RegisterSkill(ctx context.Context, path string) (*Skill, error) {
	skill := new(Skill)
	err := c.upload(ctx, path, "/v1/skills", func(body []byte) error {
		*skill = Skill{}
		return decodeSkill(body, skill, skill)
	})
	return keep(skill, err)
}

// ValidateSkill says what the server thinks of a skill, without storing it.
func (c *Client) ValidateSkill(ctx context.Context, path string) (*Validation, error) {
	var validation *Validation
	err := c.upload(ctx, path, "/v1/skills/validate", func(body []byte) error {
		var said struct {
			Validation
			Valid *bool `json:"valid"`
		}
		if err := decode(body, &said); err != nil {
			return err
		}
		if said.Valid == nil {
			return errors.New("'valid' is missing")
		}
		said.Validation.Valid = *said.Valid
		validation = &said.Validation
		return nil
	})
	return validation, err
}

func (c *Client) upload(ctx context.Context, path, where string, read func([]byte) error) error {
	if c.err != nil {
		return c.err
	}
	packed, err := pack(path)
	if err != nil {
		return err
	}
	defer packed.close()
	return c.ask(ctx, call{method: http.MethodPost, path: where, header: http.Header{"Content-Type": {"application/zip"}},
		body: packed.file, size: packed.size, silence: silentUploadTime}, read)
}

// ListSkills gives every version of every skill, by name, then version.
func (c *Client) ListSkills(ctx context.Context) ([]Skill, error) {
	var skills []Skill
	err := c.ask(ctx, call{method: http.MethodGet, path: "/v1/skills", silence: silentTime}, func(body []byte) error {
		skills = nil
		if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '[' {
			return errors.New("it is not a JSON array")
		}
		if err := decodeAny(body, &skills); err != nil {
			return err
		}
		for i := range skills {
			if err := checkSkill(&skills[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return skills, nil
}

// GetSkill gives a version of a skill; version "" or "latest": the newest upload.
func (c *Client) GetSkill(ctx context.Context, name, version string) (*SkillDetail, error) {
	path, err := skillPath(name, first(version, "latest"))
	if err != nil {
		return nil, err
	}
	skill := new(SkillDetail)
	err = c.ask(ctx, call{method: http.MethodGet, path: path, silence: silentTime}, func(body []byte) error {
		*skill = SkillDetail{}
		if err := decodeSkill(body, skill, &skill.Skill); err != nil {
			return err
		}
		skill.InputSchema, skill.OutputSchema = notNull(skill.InputSchema), notNull(skill.OutputSchema)
		return nil
	})
	return keep(skill, err)
}

// DeleteSkill deletes one version of a skill. Executions of it keep their records.
func (c *Client) DeleteSkill(ctx context.Context, name, version string) error {
	if version == "" {
		return badArgument("the version must be given: deleting never means 'the latest'")
	}
	path, err := skillPath(name, version)
	if err != nil {
		return err
	}
	err = c.ask(ctx, call{method: http.MethodDelete, path: path, silence: silentTime}, nothing)
	var refusal *APIError
	if errors.As(err, &refusal) && refusal.StatusCode == http.StatusNotFound && refusal.isRepeat {
		return nil // an attempt before this one, whose answer was lost, deleted it
	}
	return err
}

func skillPath(name, version string) (string, error) {
	escapedName, err := segment(name, "the skill's name")
	if err != nil {
		return "", err
	}
	escapedVersion, err := segment(version, "the skill's version")
	return "/v1/skills/" + escapedName + "/" + escapedVersion, err
}

// decodeSkill reads a Skill or what has one in it.
func decodeSkill(body []byte, into any, skill *Skill) error {
	if err := decode(body, into); err != nil {
		return err
	}
	return checkSkill(skill)
}

func checkSkill(skill *Skill) error {
	if skill.Name == "" {
		return errors.New("'name' is missing")
	}
	if skill.Version == "" {
		return errors.New("'version' is missing")
	}
	if skill.Mode == "" {
		skill.Mode = "executable"
	}
	return nil
}

func notNull(text json.RawMessage) json.RawMessage {
	if string(text) == "null" {
		return nil
	}
	return text
}
