// usage: node oracle.js < texts.json > results.json ; texts.json: array of strings
const y=require('js-yaml'); const SourceMap=require('js-yaml-source-map').default;
let budget=0;
function enc(v,stack){
  if(--budget<0) throw new Error('BUDGET');
  if(v===undefined) return {u:1};
  if(v===null||typeof v==='boolean'||typeof v==='string') return v;
  if(typeof v==='number') return {n:Object.is(v,-0)?'-0':String(v)};
  if(v instanceof Date) return {d:v.toISOString()};
  if(v instanceof Uint8Array) return {b:Buffer.from(v).toString('hex')};
  if(stack.includes(v)) throw new Error('CYCLE');
  stack=stack.concat([v]);
  if(Array.isArray(v)) return v.map(e=>enc(e,stack));
  return {m:Object.keys(v).map(k=>[k,enc(v[k],stack)])};
}
function run(text){
  const r={};
  try{ const v=y.load(text); budget=100000; r.value=enc(v,[]);
    try{ r.dump=v===undefined?'':y.dump(v); r.sorted=v===undefined?'':y.dump(v,{sortKeys:true,noRefs:true,lineWidth:-1});}catch(e){r.dumpError=e.message}
    try{ const m=new SourceMap(); y.load(text,{listener:m.listen()}); r.lines={}; for(const k in m.map) r.lines[k]=m.map[k].line+1; }catch(e){r.linesError=e.message}
  }catch(e){ delete r.value; r.error=e.message }
  return r;
}
module.exports={run};
if(require.main===module){
const texts=JSON.parse(require('fs').readFileSync(0,'utf8'));
process.stdout.write(JSON.stringify(texts.map(t=>({text:t,...run(t)}))));
}
