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

{{/* An image reference: (list . .Values.runner.image). A digest says which image it is, whatever becomes of the tag. */}}
{{- define "skillbox.image" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}{{ with $image.tag }}:{{ . }}{{ end }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default (index . 0).Chart.AppVersion }}
{{- end }}
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

{{/* What follows describes sandboxes for the admission policies. It mirrors controller/sandbox/pod_spec.c, and
tests/integration/test_admission.py holds the one against the other. */}}

{{/* A value in CEL, whose maps and lists want one type of value: dyn. */}}
{{- define "skillbox.cel" -}}
{{- $value := . }}
{{- if kindIs "map" . -}}
{ {{- range $i, $key := keys . | sortAlpha }}{{ if $i }}, {{ end }}{{ toJson $key }}: dyn({{ include "skillbox.cel" (get $value $key) }}){{ end -}} }
{{- else if kindIs "slice" . -}}
[{{- range $i, $item := . }}{{ if $i }}, {{ end }}dyn({{ include "skillbox.cel" $item }}){{ end -}}]
{{- else -}}
{{ toJson . }}
{{- end }}
{{- end }}

{{- define "skillbox.seccompOfSandboxes" -}}
{{- $profile := .Values.sandbox.seccompProfile }}
{{- $profile | empty | ternary (dict "type" "RuntimeDefault") (dict "type" "Localhost" "localhostProfile" $profile) | toJson }}
{{- end }}

{{- define "skillbox.podSecurityOfSandboxes" -}}
{{- include "skillbox.cel" (dict "runAsNonRoot" true "runAsUser" 65534 "runAsGroup" 65534 "fsGroup" 65534
  "seccompProfile" (include "skillbox.seccompOfSandboxes" . | fromJson)) }}
{{- end }}

{{- define "skillbox.containerSecurityOfSandboxes" -}}
{{- include "skillbox.cel" (dict "runAsNonRoot" true "runAsUser" 65534 "runAsGroup" 65534 "privileged" false
  "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL"))
  "seccompProfile" (include "skillbox.seccompOfSandboxes" . | fromJson)) }}
{{- end }}

{{/* As lib/policy/image.c compares: without what Docker's short names leave out. */}}
{{- define "skillbox.imagesOfSandboxes" -}}
{{- $images := list }}
{{- range .Values.config.imageAllowlist }}
{{- $images = append $images (trimPrefix "docker.io/library/" .) }}
{{- end }}
{{- toJson $images }}
{{- end }}

{{/* It has no value of its own in the chart, but may be given as a variable. */}}
{{- define "skillbox.startTimeout" -}}
{{- $timeout := "5m" }}
{{- range .Values.controller.extraEnv }}
{{- if and (eq .name "SKILLBOX_START_TIMEOUT") .value }}
{{- $timeout = .value }}
{{- end }}
{{- end }}
{{- $timeout }}
{{- end }}

{{/* The RuntimeClass's own demands on nodes, which the API server writes into each Pod. Without a cluster (helm template): none. */}}
{{- define "skillbox.runtimeClassScheduling" -}}
{{- $scheduling := dict }}
{{- with .Values.sandbox.runtimeClassName }}
{{- $scheduling = get (lookup "node.k8s.io/v1" "RuntimeClass" "" .) "scheduling" | default dict }}
{{- end }}
{{- toJson $scheduling }}
{{- end }}

{{- define "skillbox.nodeSelectorOfSandboxes" -}}
{{- $adds := .Values.sandbox.clusterAdds | default dict }}
{{- $scheduling := include "skillbox.runtimeClassScheduling" . | fromJson }}
{{- include "skillbox.cel" (merge (dict) ($adds.nodeSelector | default dict) (get $scheduling "nodeSelector" | default dict)) }}
{{- end }}

{{/* With those that the API server gives every Pod. */}}
{{- define "skillbox.tolerationsOfSandboxes" -}}
{{- $adds := .Values.sandbox.clusterAdds | default dict }}
{{- $scheduling := include "skillbox.runtimeClassScheduling" . | fromJson }}
{{- $tolerations := list }}
{{- range list "node.kubernetes.io/not-ready" "node.kubernetes.io/unreachable" }}
{{- $tolerations = append $tolerations (dict "key" . "operator" "Exists" "effect" "NoExecute" "tolerationSeconds" 300) }}
{{- end }}
{{- include "skillbox.cel" (concat $tolerations ($adds.tolerations | default list) (get $scheduling "tolerations" | default list)) }}
{{- end }}

{{- define "skillbox.pullSecretsOfSandboxes" -}}
{{- $secrets := list }}
{{- range (.Values.sandbox.clusterAdds | default dict).imagePullSecrets }}
{{- $secrets = append $secrets (dict "name" .) }}
{{- end }}
{{- include "skillbox.cel" $secrets }}
{{- end }}

{{/* Those of a Pod; what else they hold is described one by one. */}}
{{- define "skillbox.podFieldsOfSandboxes" -}}
{{- $fields := list "restartPolicy" "terminationGracePeriodSeconds" "activeDeadlineSeconds" "automountServiceAccountToken"
  "enableServiceLinks" "serviceAccountName" "serviceAccount" "dnsPolicy" "dnsConfig" "shareProcessNamespace" "securityContext"
  "containers" "volumes" "schedulerName" "tolerations" "nodeSelector" "imagePullSecrets" "priority" "priorityClassName"
  "preemptionPolicy" }}
{{- if eq .Values.runner.delivery "init-container" }}{{ $fields = append $fields "initContainers" }}{{ end }}
{{- if .Values.sandbox.userNamespaces }}{{ $fields = append $fields "hostUsers" }}{{ end }}
{{- if .Values.sandbox.runtimeClassName }}{{ $fields = concat $fields (list "runtimeClassName" "overhead") }}{{ end }}
{{- toJson $fields }}
{{- end }}

{{/* Several API servers stand on several nodes, if there are; whoever sets an affinity says it all. */}}
{{- define "skillbox.affinityOfApiserver" -}}
{{- if .Values.apiserver.affinity }}
{{- toYaml .Values.apiserver.affinity }}
{{- else if gt (int .Values.apiserver.replicas) 1 -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
  - weight: 100
    podAffinityTerm:
      topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          {{- include "skillbox.selector" (list . "apiserver") | nindent 10 }}
{{- end }}
{{- end }}

{{/* What the API server may hold on its node's disk follows from what it has under way there; without a volume blobs are there, too,
and a limit would end the Pod for them. */}}
{{- define "skillbox.resourcesOfApiserver" -}}
{{- $resources := deepCopy .Values.apiserver.resources }}
{{- if or .Values.storage.s3.enabled .Values.storage.embedded.persistence.enabled }}
{{- $limit := dict "ephemeral-storage" (include "skillbox.timesQuantity" (list 3 .Values.config.transferSize)) }}
{{- $_ := set $resources "limits" (merge ($resources.limits | default dict) $limit) }}
{{- end }}
{{- toYaml $resources }}
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

{{- define "skillbox.scheme" -}}
{{ empty .Values.apiserver.tls.existingSecret | ternary "http" "https" }}
{{- end }}

{{/* The entry of the TLS Secret by which the controller knows the API server; nothing: by public CAs, or it has no need to. */}}
{{- define "skillbox.blobCA" -}}
{{- if and .Values.apiserver.tls.existingSecret (not .Values.storage.s3.enabled) }}
{{- .Values.apiserver.tls.caKey }}
{{- end }}
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

{{/* Of quotas: (list . tenant) gives {object: {entry: value}}, as JSON. */}}
{{- /*
Custom resources are counted on request only (quota.hard): a new cluster refuses them for half a minute, until its quota controller
knows their kinds, and each create of an Execution would take some 1.5 ms longer.
*/}}
{{- define "skillbox.quotasOfTenant" -}}
{{- $root := index . 0 }}
{{- $tenant := index . 1 }}
{{- $config := $root.Values.config }}
{{- $pooled := 0 }}
{{- range hasKey $tenant "pools" | ternary $tenant.pools $root.Values.pools }}
{{- $pooled = add $pooled .replicas }}
{{- end }}
{{- /* Those that go and those that come in their place are there together for a while. */}}
{{- $pods := add 10 (mul 2 (add $config.maxConcurrentExecutions $pooled)) }}
{{- $quotas := dict
  "executions" dict
  "pods" (dict "pods" $pods "limits.memory" (include "skillbox.timesQuantity" (list $pods $config.maxMemory)))
  "objects" (dict "services" 0 "persistentvolumeclaims" 0 "secrets" 20 "configmaps" 20) }}
{{- $own := hasKey $tenant "quota" | ternary $tenant.quota dict }}
{{- $asked := mergeOverwrite (dict) ($root.Values.quota.hard | default dict) ($own.hard | default dict) }}
{{- range $entry, $value := $asked }}
{{- $where := hasPrefix "count/executions" $entry | ternary "executions" "objects" }}
{{- range $what, $hard := $quotas }}{{ if hasKey $hard $entry }}{{ $where = $what }}{{ end }}{{ end }}
{{- $_ := set (get $quotas $where) $entry $value }}
{{- end }}
{{- $result := dict }}
{{- range $what, $hard := $quotas }}
{{- $kept := dict }}
{{- range $entry, $value := $hard }}
{{- if ne (toString $value) "" }}{{ $_ := set $kept $entry (toString $value) }}{{ end }}
{{- end }}
{{- if $kept }}{{ $_ := set $result $what $kept }}{{ end }}
{{- end }}
{{- toJson $result }}
{{- end }}

{{/* (list 3 "1.5Gi") gives 5Gi: a whole number of the unit, at least as much. */}}
{{- define "skillbox.timesQuantity" -}}
{{- $quantity := index . 1 }}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?" $quantity }}
{{- printf "%d%s" (mulf (index . 0) ($number | float64) | ceil | int64) (trimPrefix $number $quantity) }}
{{- end }}

{{/* With the init container that copies the runner, which is of half a CPU. */}}
{{- define "skillbox.maxCPUOfContainers" -}}
{{- $cpu := toString .Values.config.maxCPU }}
{{- $milli := hasSuffix "m" $cpu | ternary (trimSuffix "m" $cpu | float64) (mulf 1000 ($cpu | float64)) }}
{{- and (eq .Values.runner.delivery "init-container") (lt $milli 500.0) | ternary "500m" $cpu }}
{{- end }}
