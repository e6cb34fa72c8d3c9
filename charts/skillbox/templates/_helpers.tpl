{{- define "skillbox.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "skillbox.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "skillbox.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "skillbox.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Labels of everything. */}}
{{- define "skillbox.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "skillbox.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* What selects the Pods of one part: (list . "apiserver"). */}}
{{- define "skillbox.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "skillbox.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* An image reference: (list . .Values.runner.image). */}}
{{- define "skillbox.image" -}}
{{- $image := index . 1 -}}
{{ $image.repository }}:{{ $image.tag | default (index . 0).Chart.AppVersion }}
{{- end }}

{{- define "skillbox.signingSecret" -}}
{{ .Values.signingKey.existingSecret | default (printf "%s-signing" (include "skillbox.fullname" .)) }}
{{- end }}

{{- define "skillbox.dataClaim" -}}
{{ .Values.storage.embedded.persistence.existingClaim | default (printf "%s-data" (include "skillbox.fullname" .)) }}
{{- end }}

{{- define "skillbox.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "skillbox.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* CEL: has `object`, a Pod or container, the seccomp profile of sandboxes? (list . "object" must-say-so) */}}
{{- define "skillbox.seccompRule" -}}
{{- $profile := (index . 0).Values.sandbox.seccompProfile }}
{{- $type := $profile | empty | ternary "RuntimeDefault" "Localhost" }}
{{- $seccomp := printf "%s.?securityContext.seccompProfile" (index . 1) }}
{{- $seccomp }}.type.orValue({{ index . 2 | ternary "" $type | quote }}) == {{ quote $type }}
{{- if $profile }} && {{ $seccomp }}.localhostProfile.orValue({{ index . 2 | ternary "" $profile | quote }}) == {{ quote $profile }}{{ end }}
{{- end }}

{{/* Where the programs find themselves, and the key. */}}
{{- define "skillbox.commonEnv" -}}
- name: SKILLBOX_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: SKILLBOX_POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: SKILLBOX_SIGNING_KEY_FILE
  value: /etc/skillbox/signing/key
{{- end }}

{{/* S3 for both programs; nothing with embedded storage. */}}
{{- define "skillbox.s3Env" -}}
{{- with .Values.storage.s3 }}
{{- if .enabled }}
- name: SKILLBOX_S3_ENDPOINT
  value: {{ .endpoint | quote }}
- name: SKILLBOX_S3_PUBLIC_ENDPOINT
  value: {{ .publicEndpoint | quote }}
- name: SKILLBOX_S3_USE_SSL
  value: {{ .useSSL | quote }}
- name: SKILLBOX_S3_REGION
  value: {{ .region | quote }}
- name: SKILLBOX_S3_BUCKET_SKILLS
  value: {{ .bucketSkills | quote }}
- name: SKILLBOX_S3_BUCKET_EXECUTIONS
  value: {{ .bucketExecutions | quote }}
- name: SKILLBOX_S3_VIRTUAL_HOST
  value: {{ .virtualHost | quote }}
{{- if .caSecret }}
- name: SKILLBOX_S3_CA_FILE
  value: /etc/skillbox/s3/ca.crt
{{- end }}
- name: SKILLBOX_S3_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: accessKey
- name: SKILLBOX_S3_SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: secretKey
{{- end }}
{{- end }}
{{- end }}

{{- define "skillbox.s3Mount" -}}
{{- if and .Values.storage.s3.enabled .Values.storage.s3.caSecret }}
- name: s3
  mountPath: /etc/skillbox/s3
  readOnly: true
{{- end }}
{{- end }}

{{- define "skillbox.s3Volume" -}}
{{- if and .Values.storage.s3.enabled .Values.storage.s3.caSecret }}
- name: s3
  secret:
    secretName: {{ .Values.storage.s3.caSecret }}
    items:
    - key: ca.crt
      path: ca.crt
{{- end }}
{{- end }}

{{/* PostgreSQL for both programs; nothing without. */}}
{{- define "skillbox.databaseEnv" -}}
{{- with .Values.database }}
{{- if .existingSecret }}
- name: SKILLBOX_DB_DSN
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .secretKey }}
{{- if .caSecret }}
# libpq's default for sslrootcert
- name: PGSSLROOTCERT
  value: /etc/skillbox/database/ca.crt
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "skillbox.databaseMount" -}}
{{- if and .Values.database.existingSecret .Values.database.caSecret }}
- name: database
  mountPath: /etc/skillbox/database
  readOnly: true
{{- end }}
{{- end }}

{{- define "skillbox.databaseVolume" -}}
{{- if and .Values.database.existingSecret .Values.database.caSecret }}
- name: database
  secret:
    secretName: {{ .Values.database.caSecret }}
    items:
    - key: ca.crt
      path: ca.crt
{{- end }}
{{- end }}

{{/* For a Prometheus that finds Pods by annotations: (list . port). */}}
{{- define "skillbox.metricsAnnotations" -}}
{{- if (index . 0).Values.metrics.annotations -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ index . 1 | quote }}
prometheus.io/path: /metrics
{{- end }}
{{- end }}
