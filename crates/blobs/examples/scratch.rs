use std::{sync::Arc,time::{Instant,Duration}};
use mv_blobs::*; use mv_core::{*,entropy::SystemEntropy,id::*}; use bytes::Bytes;
#[tokio::main(flavor="multi_thread",worker_threads=2)]
async fn main(){
 let dir=std::env::args().nth(1).unwrap(); let mode=std::env::args().nth(2).unwrap();
 let store=LocalStore::open(dir.as_ref(),uuid::Uuid::from_u128(5),true).unwrap();
 let blobs=Blobs::new(Arc::new(store),Arc::new(SystemEntropy),16).unwrap();
 let mint=Mint::new(Arc::new(SystemClock::default()),Arc::new(SystemEntropy));
 let key=Arc::new(RootKey::from_bytes([1;32]).new_user_key(mint.id::<UserKind>(),&SystemEntropy));
 let nb=|declared|NewBlob{blob:mint.id::<BlobKind>(),segment:mint.id::<SegmentKind>(),key:key.clone(),declared,limit:u64::MAX};
 match mode.as_str(){
 "big"=>{ let piece=Bytes::from(vec![7u8;65536]);
  let t=Instant::now(); let n=16384; let mut inc=blobs.begin(nb(Some(n*65536))).unwrap();
  for _ in 0..n {inc.write(piece.clone()).await.unwrap();}
  let w=t.elapsed(); let s=inc.finish(Expect::default()).await.unwrap(); let all=t.elapsed();
  println!("1GiB write {:?} finish {:?} total {:.2} GB/s",w,all-w,1.0737/all.as_secs_f64());
  let m=Manifest{blob:s.blob,segments:vec![s.segment.clone()],mac:s.manifest_mac};
  for _ in 0..3{let t=Instant::now(); let r=blobs.open(m.clone(),&key).await.unwrap(); let mut at=0; let mut hot=0; while at<r.size(){ if r.read_cached(at,MAX_READ).is_some(){hot+=1;} at+=MAX_READ as u64;} println!("read cached {:.2} GB/s hot {hot}/4096",1.0737/t.elapsed().as_secs_f64());}
  let t=Instant::now(); let r=blobs.open(m.clone(),&key).await.unwrap(); let mut at=0; while at<r.size(){ at+=r.read(at,MAX_READ).await.unwrap().len() as u64;} println!("read {:.2} GB/s",1.0737/t.elapsed().as_secs_f64());
  let t=Instant::now(); blobs.verify(m,&key).await.unwrap(); println!("verify {:.2} GB/s",1.0737/t.elapsed().as_secs_f64());
  blobs.delete(s.segment.id).await.unwrap(); println!("maxrss {}",std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l|l.starts_with("VmHWM")).unwrap());
 }
 "small"=>for c in [1usize,16,64]{ let len:usize=20*1024; let n=2000/c; let t=Instant::now(); let mut h=vec![];
  for _ in 0..c{ let (blobs,key,mint)=(blobs.clone(),key.clone(),mint.clone()); h.push(tokio::spawn(async move{ let body=Bytes::from(vec![3u8;len]); for _ in 0..n{ let mut inc=blobs.begin(NewBlob{blob:mint.id::<BlobKind>(),segment:mint.id::<SegmentKind>(),key:key.clone(),declared:Some(len as u64),limit:u64::MAX}).unwrap(); inc.write(body.clone()).await.unwrap(); let s=inc.finish(Expect::default()).await.unwrap(); std::hint::black_box(s);}}));}
  for x in h{x.await.unwrap();} println!("20KiB c={c}: {:.0}/s",(n*c) as f64/t.elapsed().as_secs_f64());}
 "many"=>{ let mut h=vec![]; for _ in 0..50{ let inc=blobs.begin(nb(None)).unwrap(); h.push(tokio::spawn(async move{ let mut inc=inc; for _ in 0..320{inc.write(Bytes::from(vec![1u8;65536])).await.unwrap();} inc.finish(Expect::default()).await.unwrap();}));} for x in h{x.await.unwrap();}
  println!("50x20MiB {}",std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l|l.starts_with("VmHWM")).unwrap());}
 "full"=>{ println!("free {:?}",blobs.space().await); let mut h=vec![]; for i in 0..8{ let d=if i%2==0{Some(16u64<<20)}else{None}; let inc=blobs.begin(nb(d)).unwrap(); h.push(tokio::spawn(async move{ let mut inc=inc; for _ in 0..256{inc.write(Bytes::from(vec![1u8;65536])).await?;} inc.finish(Expect::default()).await}));} for x in h{println!("{:?}",x.await.unwrap().map(|s|s.size));}
  tokio::time::sleep(Duration::from_millis(300)).await; println!("free {:?} ready {:?}",blobs.space().await,blobs.ready().await);}
 "one"=>{ let mut inc=blobs.begin(nb(Some(100_000))).unwrap(); inc.write(Bytes::from(vec![1u8;100_000])).await.unwrap(); println!("{:?}",inc.finish(Expect::default()).await.map(|s|s.size).map_err(|e|format!("{e:?}"))); println!("{:?}", blobs.ready().await);}
 _=>{}
 }}
