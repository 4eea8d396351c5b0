"""A production set-up for tests: certificates, token, policy, configuration."""
import os
import pathlib

import e2e


class Pki:
    """A certificate authority, and what it signs, made by openssl."""

    def __init__(self, directory, name="test CA"):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(mode=0o700)
        self.ca = self.dir / "ca.crt"
        self._ca_key = self.dir / "ca.key"
        self._key(self._ca_key)
        e2e.run("openssl", "req", "-x509", "-new", "-key", self._ca_key,
                "-subj", f"/CN={name}", "-days", "30", "-out", self.ca,
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def _key(self, path):
        e2e.run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-out", path)
        path.chmod(0o600)

    def make(self, name, san=None, usage="clientAuth", days=10, subject=None):
        """A certificate and key; days < 0: it has expired."""
        cert, key = self.dir / f"{name}.crt", self.dir / f"{name}.key"
        request, extensions = self.dir / f"{name}.csr", self.dir / f"{name}.ext"
        self._key(key)
        e2e.run("openssl", "req", "-new", "-key", key, "-subj",
                subject or f"/CN={name}", "-out", request)
        text = f"extendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n"
        if san is not None:
            text += f"subjectAltName={san}\n"
        extensions.write_text(text)
        e2e.run("openssl", "x509", "-req", "-in", request, "-CA", self.ca,
                "-CAkey", self._ca_key, "-CAcreateserial", "-days", days,
                "-extfile", extensions, "-out", cert)
        return {"cert": cert, "key": key}

    def revoke(self, *pairs):
        """A directory with the authority's list of what it took back."""
        index, config = self.dir / "index.txt", self.dir / "ca.cnf"
        index.touch()
        config.write_text(f"[ca]\ndefault_ca=own\n[own]\ndatabase={index}\n"
                          "default_md=sha256\ndefault_crl_days=30\n")
        signer = ("openssl", "ca", "-config", config, "-cert", self.ca,
                  "-keyfile", self._ca_key)
        for pair in pairs:
            e2e.run(*signer, "-revoke", pair["cert"])
        directory = self.dir / "crls"
        directory.mkdir(exist_ok=True)
        e2e.run(*signer, "-gencrl", "-out", directory / "ca.crl.pem")
        e2e.run("openssl", "rehash", directory)
        return directory

    def make_server(self, name="server", san="DNS:localhost,IP:127.0.0.1",
                    days=10):
        return self.make(name, san=san, usage="serverAuth", days=days)


class SoftHsm:
    """A SoftHSM token of one's own."""
    label = "production token"
    profile = "softhsm"
    init_args = None

    def __init__(self, directory, label=None):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(mode=0o700)
        self.label = label or self.label
        self.module = e2e.softhsm_module()
        self.pin = e2e.new_pin()
        self.pin_file = self.dir / "pin"
        self.pin_file.write_text(self.pin + "\n")
        self.pin_file.chmod(0o600)
        (self.dir / "tokens").mkdir(mode=0o700)
        conf = self.dir / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {self.dir}/tokens\n"
                        "objectstore.backend = file\nlog.level = ERROR\n"
                        "slots.removable = false\n")
        self.env = {"SOFTHSM2_CONF": str(conf)}
        e2e.run("softhsm2-util", "--init-token", "--free", "--label",
                self.label, "--pin", self.pin, "--so-pin", e2e.new_pin(),
                env=self.env)

    def pkcs11_tool(self, *arguments):
        return e2e.run("pkcs11-tool", "--module", e2e.softhsm_module(),
                       "--login", "--pin", self.pin, "--token-label",
                       self.label, *arguments, env=self.env)

    def labels(self):
        """The labels of the secret keys on it, sorted."""
        listing = self.pkcs11_tool("--list-objects", "--type", "secrkey")
        return sorted(line.split(":", 1)[1].strip()
                      for line in listing.splitlines()
                      if line.strip().startswith("label:"))


class ShimmedSoftHsm(SoftHsm):
    """The same behind the shim (hsm/shim/README.md)."""

    def __init__(self, directory, label=None):
        super().__init__(directory, label)
        self.control = self.dir / "control"
        self.log = self.dir / "shim.log"
        self.env |= {"STRONGROOM_SHIM_MODULE": self.module,
                     "STRONGROOM_SHIM_CONTROL": str(self.control),
                     "STRONGROOM_SHIM_LOG": str(self.log)}
        self.module = e2e.SHIM

    def direct(self, script):
        fresh = self.control.with_suffix(".new")
        fresh.write_text(script)
        os.rename(fresh, self.control)

    def calls(self, function):
        return [line for line in self.log.read_text().splitlines()
                if line.split()[0] == function]


class Nss:
    """An NSS database as the token."""
    label = "NSS Certificate DB"
    profile = "nss"
    env = {}

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(mode=0o700)
        self.module = e2e.nss_module()
        self.pin = e2e.new_pin()
        self.pin_file = self.dir / "pin"
        self.pin_file.write_text(self.pin + "\n")
        self.pin_file.chmod(0o600)
        (self.dir / "db").mkdir(mode=0o700)
        e2e.run("certutil", "-N", "-d", f"sql:{self.dir}/db", "-f",
                self.pin_file)
        self.init_args = (f"configdir='sql:{self.dir}/db' certPrefix='' "
                          "keyPrefix='' secmod='secmod.db' flags=")


class FullDisk:
    """A disk that is full for files named so, when it is told (full_disk.cc).
    Give its env to the program."""

    def __init__(self, directory, of):
        self._switch = pathlib.Path(directory) / "full"
        self.env = {"LD_PRELOAD": e2e.FULL_DISK,
                    "STRONGROOM_FULL_DISK_OF": of,
                    "STRONGROOM_FULL_DISK_SWITCH": str(self._switch)}

    def fill(self):
        self._switch.write_text("")

    def fail_writes(self, number):
        self._switch.write_text(str(number))

    def fail_flushes(self, number):
        self._switch.write_text(str(-number))

    def make_room(self):
        self._switch.unlink()


ADMIN_RULE = """\
  - name: administrators
    who: ["cn:admin"]
    may: [use, manage, observe]
    keys: ["**"]
"""


class Installation:
    """What `strongroomd serve` needs, in one directory. Change what you like
    before start()."""

    def __init__(self, test, token=None, name="serve"):
        self.test = test
        self.dir = test.dir / name
        self.dir.mkdir(mode=0o700)
        self.token = token or SoftHsm(self.dir / "token")
        self.pki = Pki(self.dir / "tls")
        self.server = self.pki.make_server()
        self.admin = self.pki.make("admin")
        self.store = self.dir / "store.db"
        self.audit = self.dir / "audit.log"
        self.policy = self.dir / "policy.yaml"
        self.config = self.dir / "strongroom.yaml"
        self.set_policy(ADMIN_RULE)
        self.settings = {
            "listen": "127.0.0.1:0",
            "tls": {"cert": self.server["cert"], "key": self.server["key"],
                    "client_ca": self.pki.ca},
            "hsm": {"module": self.token.module,
                    "profile": self.token.profile,
                    "token_label": self.token.label,
                    "pin_file": self.token.pin_file},
            "store": {"path": self.store},
            "audit": {"path": self.audit},
            "policy": {"path": self.policy},
            "metrics": {"listen": "127.0.0.1:0"},
            "drain_seconds": 20,
            "destruction_grace_seconds": 0,
        }
        if self.token.init_args is not None:
            self.settings["hsm"]["init_args"] = self.token.init_args

    def set_policy(self, rules):
        self.policy.write_text("version: 1\nrules:\n" + rules)

    def write_config(self, extra=""):
        lines = []
        for key, value in self.settings.items():
            if isinstance(value, dict):
                lines.append(f"{key}:")
                lines += [f'  {k}: "{v}"' if not isinstance(v, int)
                          else f"  {k}: {v}" for k, v in value.items()]
            else:
                lines.append(f'{key}: {value}')
        self.config.write_text("\n".join(lines) + "\n" + extra)

    def launch(self, env=None, **how):
        """Starts `serve`, and does not wait."""
        return e2e.Daemon(self.test, ["serve", "--config", self.config],
                          env={**self.token.env, **(env or {})}, **how)

    def start(self, **how):
        self.write_config()
        return self.launch(**how).wait_ready()

    def probe(self, daemon, who=None, threads=8):
        return e2e.Probe(self.test, daemon.address, self.pki.ca,
                         **(self.admin if who is None else who),
                         threads=threads)

    def cli(self, daemon, who=None, **env):
        return e2e.Cli(daemon.address, self.pki.ca,
                       **(self.admin if who is None else who), **env)
