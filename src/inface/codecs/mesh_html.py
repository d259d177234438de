"""A mesh as a piece of HTML that turns it slowly: for notebooks, self-contained, without network or packages.

Positions are rounded to 1/65535 of the extent and colours to bytes; a script of forty lines draws them with WebGL. It
stands in a frame of its own, so that it can touch nothing of the page around it, and rests while nobody looks.
"""

import base64
import html
import json

import numpy as np

from inface.codecs.mesh_formats.data import MeshLike, eight_bits

LARGEST = 120_000  # triangles that are drawn; of a larger mesh every n-th

_PAGE = """<!doctype html><meta charset="utf-8"><style>html,body{margin:0;height:100%;background:#f6f5f2;
overflow:hidden}
canvas{width:100%;height:100%;display:block;cursor:grab}p{position:absolute;left:10px;bottom:4px;margin:0;
font:12px sans-serif;color:#667}</style><canvas></canvas><p></p><script>
const data=__DATA__, canvas=document.querySelector("canvas"), gl=canvas.getContext("webgl2",{antialias:true});
const say=t=>document.querySelector("p").textContent=t; say(gl?data.text:data.text+" (no WebGL here)");
const bytes=s=>Uint8Array.from(atob(s),c=>c.charCodeAt(0));
if(gl){
 const shader=(kind,text)=>{const s=gl.createShader(kind);gl.shaderSource(s,text);gl.compileShader(s);return s};
 const program=gl.createProgram();
 gl.attachShader(program,shader(gl.VERTEX_SHADER,`#version 300 es
  in vec3 place;in vec3 color;uniform vec2 turn;uniform vec2 shape;out vec3 at;out vec3 tint;
  void main(){vec3 p=(place-.5)*data_size;float c=cos(turn.x),s=sin(turn.x),d=cos(turn.y),e=sin(turn.y);
  p=vec3(c*p.x+s*p.z,p.y,c*p.z-s*p.x);p=vec3(p.x,d*p.y-e*p.z,d*p.z+e*p.y);at=p;tint=color;
  gl_Position=vec4(p.x*shape.x,p.y*shape.y,-p.z*.5,1);}`.replace("data_size",`vec3(${data.size.map(x=>x.toFixed(6))})`)));
 gl.attachShader(program,shader(gl.FRAGMENT_SHADER,`#version 300 es
  precision highp float;in vec3 at;in vec3 tint;out vec4 o;void main(){vec3 n=normalize(cross(dFdx(at),dFdy(at)));
  float l=.38+.5*abs(dot(n,normalize(vec3(.3,.4,.9))))+.12*abs(dot(n,normalize(vec3(-.8,.1,.4))));o=vec4(tint*l,1);}`));
 gl.linkProgram(program);gl.useProgram(program);gl.enable(gl.DEPTH_TEST);
 const feed=(name,array,kind)=>{const at=gl.getAttribLocation(program,name);
  gl.bindBuffer(gl.ARRAY_BUFFER,gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER,array,gl.STATIC_DRAW);gl.enableVertexAttribArray(at);gl.vertexAttribPointer(at,3,kind,true,0,0)};
 feed("place",new Uint16Array(bytes(data.places).buffer),gl.UNSIGNED_SHORT);
 feed("color",bytes(data.colors),gl.UNSIGNED_BYTE);
 const corners=new Uint32Array(bytes(data.corners).buffer);
 gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER,gl.createBuffer());gl.bufferData(gl.ELEMENT_ARRAY_BUFFER,corners,gl.STATIC_DRAW);
 let yaw=-.5,pitch=.08,held=null,rest=0,seen=true;
 canvas.onpointerdown=e=>{held=[e.clientX,e.clientY,yaw,pitch];canvas.setPointerCapture(e.pointerId)};
 canvas.onpointerup=()=>{held=null;rest=performance.now()};
 canvas.onpointermove=e=>{if(held){yaw=held[2]+(e.clientX-held[0])/120;pitch=held[3]+(e.clientY-held[1])/120}};
 new IntersectionObserver(l=>seen=l[0].isIntersecting).observe(canvas);
 const draw=now=>{requestAnimationFrame(draw);if(!seen)return;if(!held&&now-rest>2500)yaw=-.5+.9*Math.sin(now/2600);
  const w=canvas.clientWidth*devicePixelRatio,h=canvas.clientHeight*devicePixelRatio;
  if(canvas.width!=w||canvas.height!=h){canvas.width=w;canvas.height=h}
  gl.viewport(0,0,w,h);gl.clearColor(.965,.961,.949,1);gl.clear(gl.COLOR_BUFFER_BIT|gl.DEPTH_BUFFER_BIT);
  gl.uniform2f(gl.getUniformLocation(program,"turn"),yaw,pitch);
  const k=2.3;gl.uniform2f(gl.getUniformLocation(program,"shape"),k*Math.min(1,h/w),k*Math.min(1,w/h));
  gl.drawElements(gl.TRIANGLES,corners.length,gl.UNSIGNED_INT,0)};requestAnimationFrame(draw);
}</script>"""


def turning_html(mesh: MeshLike, text: str, height: int = 320) -> str:
    """An `<iframe>` of that height (pixels) in which the known part of a mesh turns; `text` stands below it."""
    known = np.asarray(np.isfinite(mesh.vertices).all(1))
    triangles = mesh.triangles[known[mesh.triangles].all(1)]
    step = -(-len(triangles) // LARGEST) or 1
    triangles = triangles[::step]
    used = np.unique(triangles)
    if not len(used):
        return f"<p>{html.escape(text)}</p>"
    place = np.zeros(len(mesh.vertices), np.uint32)
    place[used] = np.arange(len(used))
    points = mesh.vertices[used]
    low, size = points.min(0), np.maximum(np.ptp(points, axis=0), 1e-300)
    colors = np.full((len(used), 3), 0.78) if mesh.colors is None else mesh.colors[used]
    data = {
        "text": text,
        "size": (size / np.linalg.norm(size)).tolist(),
        "places": _coded(np.rint((points - low) / size * 65535).astype("<u2")),
        "colors": _coded(eight_bits(colors)),
        "corners": _coded(place[triangles].astype("<u4")),
    }
    page = _PAGE.replace("__DATA__", json.dumps(data).replace("</", "<\\/"))
    return (
        f'<iframe sandbox="allow-scripts" style="width:100%;max-width:640px;height:{height}px;border:0" '
        f'title="{html.escape(text, quote=True)}" srcdoc="{html.escape(page, quote=True)}"></iframe>'
    )


def _coded(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
