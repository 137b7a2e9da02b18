"""Counts secrets and personal data in the memory of a running service, before and after its evidence is evicted.

    memory_scan.py VERIGATE all|none [dumpable]

VERIGATE is the program; the policy reads `all` of a person's data or `none`. It needs to read /proc/PID/mem: as root, or as the same user
with `dumpable`, which permits core dumps in the service. Secrets in use stay in memory; of a person nothing should after eviction.
"""
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

binary, reads, dumpable = sys.argv[1], sys.argv[2], sys.argv[3:] == ["dumpable"]
folder = tempfile.TemporaryDirectory()
d = folder.name
os.makedirs(d + "/policies")
CAN={"full name":"Zqxwname Canaryfull","first name":"Zqxwfirst","phone":"+12025559173","identity":"id-zqxwcanary","birth ms":"587433600000","api key":"canary-api-key-7d1f9b","secret":"canary-secret-93be21","webhook secret":"canary-webhook-secret-551a"}
open(d+"/cast.yaml","w").write(f"""people:
  c: {{identity_id: id-zqxwcanary, full_name: {CAN['full name']}, first_name: Zqxwfirst, last_name: Zqxwlast, date_of_birth: 1988-08-13, phone: "+12025559173"}}
  o: {{identity_id: id-other, full_name: Otto Other, first_name: Otto, last_name: Other, date_of_birth: 1985-11-02, phone: "+12025550102"}}
verifications:
  v-canary: {{person: c, verified_ago: 10m, scopes: [NAME, PHONE, DATE_OF_BIRTH]}}
"""+"".join(f"  v-{n}: {{person: o, verified_ago: 10m, scopes: [NAME, PHONE, DATE_OF_BIRTH]}}\n" for n in range(40)))
rule={"all":"      - scopes: [NAME]\n      - age_at_least: 18\n      - phone_prefix: ['+1']\n      - identity_in: [id-x, id-other]\n","none":"      - verified_within: 90d\n"}[reads]
open(d+"/policies/p.yaml","w").write("version: 1\npolicies:\n  door:\n    description: x\n    require:\n"+rule)
def sock():
    s=socket.socket(); s.bind(("127.0.0.1",0)); p=s.getsockname()[1]; s.close(); return p
sp,gp,hp,ap=sock(),sock(),sock(),sock()
for k,f in (("api key","key"),("secret","secret"),("webhook secret","hook")):
    open(d+"/"+f,"w").write(CAN[k]+"\n"); os.chmod(d+"/"+f,0o600)
sim=subprocess.Popen([binary,"sim","--listen",f"127.0.0.1:{sp}","--cast",d+"/cast.yaml","--api-key",CAN["api key"],"--secret",CAN["secret"],"--integration-id","int"],stdout=subprocess.DEVNULL,stderr=open(d+"/sim.log","w"))
cfg=f"""[grpc]
listen='127.0.0.1:{gp}'
[http]
listen='127.0.0.1:{hp}'
[admin]
listen='127.0.0.1:{ap}'
[policies]
path='{d}/policies'
[journal]
path='{d}/journal'
[cache]
capacity=1
[log]
level='trace'
format='json'
[incode]
url='http://127.0.0.1:{sp}'
api_key_file='{d}/key'
secret_file='{d}/secret'
integration_id='int'
[webhook]
secret_file='{d}/hook'
"""+("[process]\ncore_dumps=true\n" if dumpable else "")
open(d+"/v.toml","w").write(cfg)
time.sleep(1)
env={**os.environ,"RUST_LOG":"trace"}
srv=subprocess.Popen([binary,"serve","--config",d+"/v.toml"],stdout=subprocess.DEVNULL,stderr=open(d+"/log","w"),env=env)
for _ in range(100):
    if "service_ready" in open(d+"/log").read(): break
    time.sleep(.1)
else: print(open(d+"/log").read()); sys.exit("not ready")
out=[]
def check(v):
    r=subprocess.run([binary,"check","--server",f"http://127.0.0.1:{gp}","--policy","door","--verification",v,"--json"],capture_output=True,text=True)
    out.append(r.stdout+r.stderr); return r.returncode
def scan():
    res={k:0 for k in CAN}; pats={k:[v.encode()] for k,v in CAN.items()}
    pats["birth as i64"]=[struct.pack("<q",587433600000)]; res["birth as i64"]=0
    tok=re.compile(rb"eyJhbGciOiJIUzI1NiJ9\.[A-Za-z0-9_\-.]{16,}"); res["token"]=0
    for l in open(f"/proc/{srv.pid}/maps"):
        m=re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ (\d+)",l)
        if "r" not in m[3] or "w" not in m[3]: continue
        a,b=int(m[1],16),int(m[2],16)
        try:
            with open(f"/proc/{srv.pid}/mem","rb",0) as f:
                f.seek(a); data=b""
                while len(data)<b-a:
                    c=f.read(min(1<<24,b-a-len(data)))
                    if not c: break
                    data+=c
        except (OSError, ValueError):  # the kernel's own pages
            continue
        for k,ps in pats.items():
            for p in ps: res[k]+=data.count(p)
        res["token"]+=len(tok.findall(data))
    return res
try:
    print("check canary",check("v-canary"))
    req=urllib.request.Request(f"http://127.0.0.1:{hp}/webhooks/incode",data=b'{"verificationId":"v-none"}',headers={"x-webhook-secret":CAN["webhook secret"],"content-type":"application/json"})
    print("webhook",urllib.request.urlopen(req).status)
    print("warm   ",scan())
    for n in range(40): check(f"v-{n}")
    time.sleep(1)
    print("evicted",scan())
    pages="".join(urllib.request.urlopen(f"http://127.0.0.1:{ap}{p}").read().decode() for p in ("/metrics","/readyz","/livez","/policies"))
    texts={"log":open(d+"/log").read(),"journal":open(d+"/journal").read(),"pages":pages,"answers":"".join(out)}
    for name,t in texts.items():
        hits={k:t.count(v) for k,v in CAN.items() if v in t}
        if re.search(r"eyJhbGciOiJIUzI1NiJ9\.",t): hits["token"]=1
        print(f"canaries in {name} ({len(t)} bytes):",hits or "none")
    print("core limit",[l for l in open(f"/proc/{srv.pid}/limits") if "core" in l][0].split()[4:6], "open fds metric", re.findall(r"^process_open_fds.*",pages,re.M))
finally:
    srv.terminate(); sim.terminate(); srv.wait(); sim.wait()
