"""The Kubernetes API over HTTP as an administrator, for tests that ask it some thousand questions."""

import concurrent.futures
import subprocess

import requests

ANSWERS_AT_ONCE = 8


class KubeApi:
    """Through `kubectl proxy`, which knows how to log in."""

    def __init__(self, environment):
        self.proxy = subprocess.Popen(["kubectl", "proxy", "--port=0"], env=environment, stdout=subprocess.PIPE, text=True)
        line = self.proxy.stdout.readline()
        assert line.startswith("Starting to serve on "), line
        self.url = f"http://{line.split()[-1]}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=ANSWERS_AT_ONCE))

    def close(self):
        self.session.close()
        self.proxy.terminate()
        self.proxy.wait()

    def get(self, path):
        answer = self.session.get(self.url + path, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def resources(self):
        """(group, version, resource or resource/subresource, namespaced, verbs) of everything that is served."""
        versions = [("", "v1")]
        for group in self.get("/apis")["groups"]:
            versions.append((group["name"], group["preferredVersion"]["version"]))
        found = []
        for group, version in versions:
            path = f"/apis/{group}/{version}" if group else f"/api/{version}"
            found += [(group, version, r["name"], r["namespaced"], r["verbs"]) for r in self.get(path)["resources"]]
        return found

    def are_allowed(self, questions):
        """For each (user, groups, attributes) whether it may, by SubjectAccessReview."""
        def ask(question):
            user, groups, attributes = question
            body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                    "spec": {"user": user, "groups": list(groups), **attributes}}
            answer = self.session.post(self.url + "/apis/authorization.k8s.io/v1/subjectaccessreviews", json=body, timeout=30)
            answer.raise_for_status()
            return answer.json()["status"]["allowed"]

        with concurrent.futures.ThreadPoolExecutor(ANSWERS_AT_ONCE) as pool:
            return list(pool.map(ask, questions))

