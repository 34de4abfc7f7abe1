-- image_clusters: the images that have copies, by the newest run of `attribase cluster`; a view.
-- reads    cluster_runs, cluster_members
-- params   none
-- returns  image_id, cluster_id (the image that stands for the cluster) VARCHAR, size INTEGER (images in the
--          cluster), similarity FLOAT (to that image: a cosine, or the share of equal bits of hashes), run_id,
--          encoder, rule VARCHAR, threshold DOUBLE; images without a copy have no row
-- source   none: a choice of rows
create or replace view image_clusters as
select members.image_id, members.cluster_id, members.size, members.similarity, newest.run_id, newest.encoder,
    newest.rule, newest.threshold
from cluster_members as members
join (
    select run_id, encoder, rule, threshold from cluster_runs order by started desc, run_id limit 1
) as newest using (run_id)
