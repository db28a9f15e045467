{{/* What the pods of the service and of the nightly run have in common. */}}

{{- define "image-cluster.labels" -}}
app.kubernetes.io/name: image-cluster
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "image-cluster.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "image-cluster.container" -}}
image: "{{ required "image.repository: where you pushed the image" .Values.image.repository }}:{{ .Values.image.tag | default (printf "%s-cpu" .Chart.AppVersion) }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
envFrom:
  - secretRef: {name: {{ .Values.secret | quote }}}
env:
  - {name: IMAGE_CLUSTER_LOG_FORMAT, value: json}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  # parts of the volume, because its root may hold lost+found
  - {name: library, mountPath: /library/data, subPath: data}
  - {name: library, mountPath: /cache, subPath: cache}
  - {name: tmp, mountPath: /tmp}
  - {name: settings, mountPath: /library/image-cluster.yaml, subPath: image-cluster.yaml, readOnly: true}
{{- end }}

{{- define "image-cluster.volumes" -}}
- name: library
  persistentVolumeClaim: {claimName: {{ .Release.Name }}-{{ .component }}}
- name: tmp
  emptyDir: {}
- name: settings
  configMap: {name: {{ .Release.Name }}-settings}
{{- end }}

{{- define "image-cluster.claim" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .Release.Name }}-{{ .component }}
  labels: {{- include "image-cluster.labels" . | nindent 4 }}
spec:
  accessModes: [ReadWriteOnce]
  {{- with .storage.className }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests: {storage: {{ .storage.size }}}
{{- end }}
